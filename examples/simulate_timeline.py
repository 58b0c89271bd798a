"""What does a network wait for on a chip, and what would a wider memory, or running layers depth first, change?"""

import hwsim

network = hwsim.prepare("light_squeezenet", bits="w8a8")
for overrides in (
    [],
    ["memory.dram.bandwidth_gb_per_s=68"],
    ["memory.unified_buffer.capacity_mib=0.25", "dataflow.fusion=any"],
):
    estimate = hwsim.estimate(network, hwsim.load_device("tpu_v1", overrides), rung="simulate")
    totals, run = estimate.totals, estimate.simulation
    print(", ".join(overrides) or "as it is")
    print(
        f"  {1e6 * totals.latency_s:6.1f} µs, {totals.throughput_per_s:,.0f} inferences/s, {totals.dram_bytes / 1e6:.2f} MB off the chip"
    )
    print(f"  {len(run.plan.places)} tensors stay on the chip, {len(run.groups)} groups of layers run depth first")
    latest = max(estimate.layers, key=lambda layer: layer.extra["stall_s"])
    print(f"  {latest.name} stalls longest: {1e6 * latest.extra['stall_s']:.1f} µs")
