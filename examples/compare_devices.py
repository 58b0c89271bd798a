"""One network on several devices, as a table and as a CSV for a spreadsheet."""

import hwsim
from hwsim.report.tables import comparison_text

network = hwsim.prepare("light_squeezenet", batch=8)
estimates = [
    hwsim.estimate(network, device, rung="roofline") for device in ("edge_tpu", "tpu_v1", "t4", "a100_sxm_80g")
]
print(comparison_text(estimates))
