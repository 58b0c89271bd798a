"""A network that exists only as an idea, on a profile that is changed on the way: does a wider bus help?"""

import hwsim

network = (
    hwsim.Network.builder("tiny_vision")
    .input("image", (1, 3, 96, 96), "int8")
    .conv(32, kernel=3, stride=2)
    .relu()
    .depthwise(kernel=3)
    .conv(64, kernel=1)
    .relu()
    .global_pool()
    .flatten()
    .dense(10)
    .build()
)

for gigabytes_per_second in (0.48, 0.96, 1.92):
    device = hwsim.load_device("eyeriss_v1", [f"memory.dram.bandwidth_gb_per_s={gigabytes_per_second}"])
    totals = hwsim.estimate(network, device, rung="roofline").totals
    print(f"{gigabytes_per_second:5.2f} GB/s  {totals.latency_s * 1e3:.3f} ms  {totals.utilization:.1%} of peak")
