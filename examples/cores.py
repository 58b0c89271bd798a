"""Two cores that share one DRAM: how a network is best spread over them, and when more bandwidth stops to help."""

import hwsim
from hwsim.simulation.waits import stalls

network = hwsim.prepare("light_squeezenet", bits="w8a8")
print("DRAM [GB/s]   one core  channels      rows    layers      auto  waits for DRAM that the other core has")
for bandwidth in (2, 5, 10, 20, 40):
    setting = f"memory.dram.bandwidth_gb_per_s={bandwidth}"
    one = hwsim.load_device("zcu104_dpu", [setting, "compute.cores=1", "compute.vector.ops_per_cycle=32"])
    two = hwsim.load_device("zcu104_dpu", [setting])
    times = [hwsim.estimate(network, one, rung="simulate").totals.latency_s]
    for way in ("channels", "rows", "layers", "auto"):
        estimate = hwsim.estimate(network, two, rung="simulate", cores=way)
        times.append(estimate.totals.latency_s)
    assert times[-1] == min(times[1:]), "auto is the best of all ways"
    run = estimate.simulation
    waited = run.tick_s * sum(stall.ticks for stall in stalls(run.timeline) if "shared with core" in stall.reason)
    print(f"{bandwidth:11}" + "".join(f"{1e3 * time:8.3f}ms" for time in times) + f"{1e3 * waited:8.3f} ms, both cores")
