"""The event-driven run: streams of tiles on the engines of a chip, in simulated time."""

from hwsim.simulation.program import Block, Lane, Program, Run, Stream
from hwsim.simulation.run import Timeline, run

__all__ = ["Block", "Lane", "Program", "Run", "Stream", "Timeline", "run"]
