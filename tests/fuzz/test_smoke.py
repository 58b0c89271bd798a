"""A short run of the fuzzer on every reader, and what once broke one. ``python -m tests.fuzz`` is the long run."""

from __future__ import annotations

import random
import time

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.readers import LARGEST, READERS, feed
from tests.fuzz.seeds import seeds


@pytest.mark.parametrize("name", READERS)
def test_seeds_and_regressions(name: str) -> None:
    for data in seeds(name):
        feed(name, data)


@pytest.mark.parametrize("name", READERS)
def test_mutations(name: str) -> None:
    generator = random.Random(name)
    pool = seeds(name)
    end = time.process_time() + 1.0
    for _ in range(30):
        feed(name, mutated(generator.choice(pool), generator, LARGEST))
        if time.process_time() > end:
            break
