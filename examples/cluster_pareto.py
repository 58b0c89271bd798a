"""A Pareto study on a cluster: 1,280 small arrays for SqueezeNet, evaluated by the workers of a dask.distributed scheduler.

Here the scheduler and two workers are started on this machine; the address of a real one goes where ``cluster.scheduler_address`` stands.
``hwsim study run FILE.yaml --scheduler ADDRESS`` does the same. A worker that is killed loses nothing.
Needs ``pip install '.[cluster]'``; without it the same study runs in this process.
"""

from __future__ import annotations

import importlib.util

import hwsim
from hwsim.report.study_tables import front_text

study = hwsim.Study(
    axes={
        "compute.pe_array.x": [4, 8, 16, 32],
        "compute.pe_array.y": [4, 8, 16, 32],
        "memory.gbuf.capacity_kib": [32, 64, 128, 256],
        "memory.dram.bandwidth_gb_per_s": {"log": [1.6, 25.6, 5]},
        "clock_mhz": {"range": [200, 800, 200]},
    },
    base={"model": "light_squeezenet", "device": "ws_16x16", "bits": "w8a8", "rung": "roofline"},
    constraints={"max_latency_s": 0.02},
    objectives=["latency_s", "average_power_w"],
    name="small arrays",
)

if __name__ == "__main__":
    if importlib.util.find_spec("distributed") is None:
        print("dask.distributed is not installed (pip install '.[cluster]'): in this process")
        results = study.run()
    else:
        from distributed import LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            results = study.run(scheduler=cluster.scheduler_address)
    print(front_text(results, top=8))
