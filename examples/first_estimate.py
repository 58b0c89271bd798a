"""Where does the time of ResNet-50 go on an accelerator, and what would other bit-widths change?"""

import hwsim

network = hwsim.prepare("light_resnet50")
estimate = hwsim.estimate(network, "tpu_v1")
print(estimate)

slowest = sorted(estimate.layers, key=lambda layer: -layer.latency_s)[:5]
for layer in slowest:
    print(
        f"{layer.name:12} {layer.op:6} {layer.latency_s * 1e6:8.1f} µs  bound by {layer.bound_by}, by {layer.slack:.1f}×"
    )

for bits in ("w8a8", "w16a16"):
    totals = hwsim.estimate(hwsim.prepare("light_resnet50", bits=bits), "tpu_v1").totals
    print(f"{bits:7} {totals.latency_s * 1e3:6.2f} ms  {totals.weight_bytes / 1e6:6.1f} MB of weights")
