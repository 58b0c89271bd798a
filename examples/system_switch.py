"""Switch Transformer against its dense twin: parameters, FLOPs a token, training throughput, and what dispatching tokens to experts costs.

Figures of Fedus, Zoph, Shazeer, "Switch Transformers," JMLR 23, 2022, arXiv:2101.03961: table 1 (32 TPU v3 cores) and table 9.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.system.chance import Routing

ENCODER, DECODER = 512, 114  # tokens of a sequence on both sides
VOCABULARY = 32128
PUBLISHED = {"T5-Base": 1600.0, "T5-Large": 470.0, "Switch-Base": 1000.0}  # examples a second, capacity factor 1.0
FLOPS = {"T5-Base": 124e9, "T5-Large": 425e9}  # of a forward pass, 2 for each MAC


@dataclass(frozen=True)
class Model:
    """Encoder and decoder of T5 1.1: gated feed-forward layers (three matrices), one embedding table. Every ``1 / frequency``-th of the
    feed-forward layers has ``experts`` copies, of which a token visits one."""

    layers: int
    width: int
    hidden: int
    inner: int
    experts: int = 1
    frequency: float = 0.5

    @property
    def feed_forward(self) -> int:
        return 3 * self.width * self.hidden

    @property
    def attention(self) -> int:
        return 4 * self.width * self.inner

    @property
    def parameters(self) -> int:
        blocks = self.layers * (3 * self.attention + 2 * self.feed_forward)
        router = self.width * self.experts if self.experts > 1 else 0
        extra = 2 * self.layers * self.frequency * ((self.experts - 1) * self.feed_forward + router)
        return VOCABULARY * self.width + blocks + int(extra)

    @property
    def flops_per_sequence(self) -> int:
        """As the paper's figures come out: without logits, cross-attention's keys and values on the decoder's tokens."""
        encoder = ENCODER * (self.attention + self.feed_forward + 2 * ENCODER * self.inner)
        seen = 2 * (DECODER + ENCODER) * self.inner
        decoder = DECODER * (2 * self.attention + self.feed_forward + seen)
        return 2 * self.layers * (encoder + decoder)


BASE = Model(12, 768, 2048, 768)
LARGE = Model(24, 1024, 2816, 1024)
SWITCH = Model(12, 768, 2048, 768, experts=128)


def utilization(model: str) -> float:
    """Share of the peak of 16 TPU v3 chips (123 TFLOP/s each) that training at the published rate takes: 3 forward passes' FLOPs."""
    return 3 * FLOPS[model] * PUBLISHED[model] / (16 * 123e12)


def predicted(model: str, constant: float) -> float:
    """Examples a second at a constant utilization."""
    return constant * 16 * 123e12 / (3 * FLOPS[model])


def dispatch(tokens: int, constant: float) -> tuple[float, float]:
    """Seconds an example that dispatching ``tokens`` at a time takes: as one-hot products at the same utilization, and as gathered rows.

    Forward and backward (3 times) in every layer with experts; gathered rows move out and back through 900 GB/s of HBM a chip.
    """
    routing = Routing(tokens, SWITCH.experts)
    visits = (ENCODER + DECODER) * SWITCH.layers * SWITCH.frequency / tokens
    products = 3 * 2 * routing.dispatch_macs(SWITCH.width) * visits
    moved = 3 * 2 * routing.exchange_bytes(SWITCH.width, 2) * visits
    return products / (constant * 16 * 123e12), moved / (16 * 900e9)


def main() -> None:
    print(f"{'model':<12}{'parameters':>12}{'FLOPs/sequence':>16}{'published':>11}")
    for name, model, published in (
        ("T5-Base", BASE, "124B"),
        ("Switch-Base", SWITCH, "124B"),
        ("T5-Large", LARGE, "425B"),
    ):
        print(f"{name:<12}{model.parameters / 1e9:>10.3f} B{model.flops_per_sequence / 1e9:>14.1f} B{published:>11}")
    constant = utilization("T5-Base")
    large = predicted("T5-Large", constant)
    print(
        f"\none utilization, {constant:.1%} of 16 chips, from T5-Base: T5-Large {large:.0f} examples/s (published 470)"
    )
    extra = 1 / PUBLISHED["Switch-Base"] - 1 / PUBLISHED["T5-Base"]
    print(f"Switch-Base takes {1e3 * extra:.3f} ms an example more than T5-Base, at the same FLOPs; dispatching by")
    print(f"{'tokens a group':>16}{'one-hot products [ms]':>24}{'gathered rows [ms]':>20}")
    for tokens in (512, 1024, 2048, 4096, 8192):
        one_hot, gathered = dispatch(tokens, constant)
        print(f"{tokens:>16}{1e3 * one_hot:>24.3f}{1e3 * gathered:>20.3f}")
    dropped = [Routing(4096, 128, 1, factor).dropped for factor in (1.0, 1.25)]
    print(f"tokens dropped if they chose at random: {dropped[0]:.1%} at capacity factor 1.0, {dropped[1]:.1%} at 1.25")


if __name__ == "__main__":
    main()
