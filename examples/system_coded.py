"""Stragglers: a job coded into 32 pieces of which any k will do. Lee et al., IEEE Trans. Inf. Theory 64(3), 2018,
doi:10.1109/TIT.2017.2736066.
"""

from hwsim.system.chance import Redundancy, best_redundancy

print(f"{'k of 32':>8}{'mean':>9}{'99 %':>9}{'faster':>8}{'work':>7}")
plain = Redundancy(32, 32)
for needed in (32, 28, 24, 22, 20, 16, 8):
    coded = Redundancy(32, needed)
    print(
        f"{needed:>8}{coded.mean:>9.4f}{coded.percentile(0.99):>9.4f}{plain.mean / coded.mean:>7.2f}x{coded.work:>6.2f}x"
    )
best = best_redundancy(32)
print(f"best: any {best.needed} of 32, {plain.mean / best.mean:.2f} times as fast for {best.work:.2f} times the work")
