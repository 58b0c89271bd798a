"""Random small networks with branches: convolutions, pools and sums."""

from __future__ import annotations

from hypothesis import strategies as st

from hwsim.graph import Network


@st.composite
def networks(draw: st.DrawFn, most: int = 8) -> Network:
    channels, side = draw(st.integers(1, 3)) * 4, draw(st.integers(3, 10))
    built = Network.builder("random").input("x", (1, channels, side, side))
    made = ["x"]
    for index in range(draw(st.integers(1, most))):
        built.at(draw(st.sampled_from(made[-4:])))
        kind = draw(st.sampled_from(["conv", "conv", "pool", "add"]))
        if kind == "conv":
            built.conv(channels, kernel=draw(st.sampled_from([1, 3])), name=f"n{index}")
        elif kind == "pool":
            built.pool(kernel=3, stride=1, padding="same", name=f"n{index}")
        else:
            built.add(draw(st.sampled_from(made[-4:])), name=f"n{index}")
        made.append(built.current)
    return built.build()
