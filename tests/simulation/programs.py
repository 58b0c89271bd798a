"""Random programs: few streams and tiles, so that oracles can run them tick by tick."""

from __future__ import annotations

from hypothesis import strategies as st

from hwsim.simulation import Block, Lane, Program, Run, Stream

STAGES = ("launch", "weights", "inputs", "mac", "feed", "retire", "store")
ENGINES = ("dram", "launch", "mac 0", "feed 0", "mac 1", "feed 1", "writes")


@st.composite
def programs(draw: st.DrawFn, streams: int = 4, tiles: int = 4, repeats: int = 2, longest: int = 4) -> Program:
    writes = draw(st.sampled_from([0, 6]))
    lanes = (
        Lane("core 0", (1, 0, 0, 2, 3, -1, writes)),
        Lane("core 1", (1, 0, 0, 4, 5, -1, writes)),
    )
    made: list[Stream] = []
    for index in range(draw(st.integers(1, streams))):
        head = draw(st.tuples(*(st.integers(0, longest) for _ in STAGES)))
        blocks = [Block((Run(1, (*head[:-2], 0, head[-1])),))] if draw(st.booleans()) else []
        for _ in range(draw(st.integers(1, 2))):
            pattern = []
            for _ in range(draw(st.integers(1, 2))):
                durations = [draw(st.integers(0, longest)) for _ in STAGES]
                durations[0] = durations[-2] = 0
                pattern.append(Run(draw(st.integers(1, tiles)), tuple(durations)))
            blocks.append(Block(tuple(pattern), draw(st.integers(1, repeats))))
        made.append(
            Stream(
                f"layer {index}",
                draw(st.integers(0, 1)),
                tuple(blocks),
                (draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 4))),
                draw(st.booleans()),
                draw(st.booleans()),
                tuple(sorted(draw(st.sets(st.integers(0, index - 1), max_size=2)))) if index else (),
                (index,),
            )
        )
    return Program(STAGES, ENGINES, lanes, tuple(made))
