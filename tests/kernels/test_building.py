"""Parts of wholes are taken once and where that is allowed, and what nobody reads is left out: kernels say what Python says."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from llvmlite import ir
from llvmlite.binding import parse_assembly

from hwsim.kernels.building import Builder, sweep
from hwsim.kernels.inside import Whole
from hwsim.kernels.jit import lean_kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


class Pair(NamedTuple):
    """Arrays that go together."""

    numbers: np.ndarray
    table: np.ndarray


class Group(NamedTuple):
    """Pairs, and how many of something."""

    first: Pair
    second: Pair
    number: int


@lean_kernel
def read(pair: Pair, place: int) -> int:
    return pair.numbers[place] + pair.table[place, -1]  # type: ignore[no-any-return]


@lean_kernel
def parted(group: Group, place: int) -> tuple[int, int, tuple[int, int]]:
    low, high = read(group.first, place), read(group.second, place)
    return (low, high, (high, low)) if low < high else (high, low, (low, high))


def through(group: Group, rounds: int, swaps: bool) -> tuple[int, int]:
    """Parts of a group in branches, loops, other functions, and of groups that change places."""
    found, late = 0, 0
    one, other = group.first, group.second
    for turn in range(rounds):
        if turn % 2 and turn < len(one.numbers):
            one.numbers[turn] += other.table[turn, turn % 2]
            found += one.table.shape[0] * one.table.shape[1]
        elif swaps:
            one, other = other, one
        low, high, (left, right) = parted(group, turn % len(group.first.numbers))
        found += low * high - left + group.number
        late = right if found % 2 else late
        if found > 10_000:
            break
    one.table[0, -1] = found
    return found + one.table[0, 1] + other.table[0, 0], late


@pytest.mark.parametrize(("rounds", "swaps"), product(range(9), (False, True)))
def test_groups_come_apart_as_in_python(rounds: int, swaps: bool) -> None:
    def group() -> Group:
        pick = np.random.default_rng(7)
        first, second = (Pair(pick.integers(0, 9, 4), pick.integers(0, 9, (4, 2))) for _ in range(2))
        return Group(first, second, 3)

    fast, slow = group(), group()
    found = COMPILED(fast, rounds, swaps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "parted", plain_parted)
        assert found == through(slow, rounds, swaps)
    for one, other in zip((*fast.first, *fast.second), (*slow.first, *slow.second), strict=True):
        assert (one == other).all()


COMPILED = numba.njit(pipeline_class=Whole)(through)


def plain_parted(group: Group, place: int) -> tuple[int, int, tuple[int, int]]:
    low, high = (int(pair.numbers[place] + pair.table[place, -1]) for pair in (group.first, group.second))
    return (low, high, (high, low)) if low < high else (high, low, (low, high))


def function() -> tuple[ir.Function, Builder, Any]:
    """One that is given ``{i64, [2 x i64]}`` and a number."""
    number = ir.IntType(64)
    whole = ir.LiteralStructType([number, ir.ArrayType(number, 2)])
    made = ir.Function(ir.Module(), ir.FunctionType(number, [whole, number]), "made")
    return made, Builder(made.append_basic_block("entry")), made.args


def names(made: ir.Function) -> Counter[str]:
    return Counter(one.opname for block in made.blocks for one in block.instructions)


def test_a_part_is_taken_once_behind_what_makes_the_whole() -> None:
    made, builder, (whole, number) = function()
    then = made.append_basic_block("then")
    end = made.append_basic_block("end")
    builder.cbranch(builder.icmp_signed("<", number, number.type(0)), then, end)
    builder.position_at_end(then)
    in_branch = builder.extract_value(whole, (1, 0))
    builder.branch(end)
    builder.position_at_end(end)
    either = builder.phi(whole.type)
    other = builder.phi(number.type)
    either.add_incoming(whole, made.entry_basic_block)
    either.add_incoming(builder.insert_value(whole, number, 0), then)  # moved below: where it lies does not matter here
    other.add_incoming(number, made.entry_basic_block)
    other.add_incoming(in_branch, then)
    end.instructions.remove(put := either.incomings[1][0])
    then.instructions.insert(-1, put)
    put.parent = then
    builder.position_at_end(end)
    last = builder.extract_value(either, 0)
    builder.ret(builder.add(builder.add(builder.extract_value(whole, [1, 0]), last), other))
    assert builder.extract_value(whole, (1, 0)) is in_branch and in_branch.parent is made.entry_basic_block
    assert [one.opname for one in end.instructions[:3]] == ["phi", "phi", "extractvalue"]
    assert names(made)["extractvalue"] == 2
    parse_assembly(str(made.module)).verify()


def test_a_part_of_what_an_instruction_makes_is_taken_behind_it() -> None:
    made, builder, (whole, number) = function()
    room = builder.alloca(whole.type)
    builder.store(whole, room)
    loaded = builder.load(room)
    then, end = made.append_basic_block("then"), made.append_basic_block("end")
    builder.cbranch(builder.icmp_signed("<", number, number.type(0)), then, end)
    builder.position_at_end(then)
    row = builder.extract_value(loaded, 1)
    builder.branch(end)
    builder.position_at_end(end)
    assert builder.extract_value(loaded, 1) is row
    changed = builder.insert_value(whole, row, 1)
    one = builder.extract_value(changed, (1, 0))  # of the row that was put in
    assert one.aggregate is changed
    builder.ret(one)
    assert [one.opname for one in made.entry_basic_block.instructions[2:4]] == ["load", "extractvalue"]
    parse_assembly(str(made.module)).verify()


def test_what_was_put_in_is_not_taken_out() -> None:
    made, builder, (whole, number) = function()
    changed = builder.insert_value(builder.insert_value(whole, number, 0), number, (1, 1))
    assert builder.extract_value(changed, 0) is number and builder.extract_value(changed, (1, 1)) is number
    kept = builder.extract_value(changed, (1, 0))
    assert kept.aggregate is whole
    row = builder.extract_value(changed, 1)  # one of its items was put in by itself
    assert row.aggregate is changed
    builder.ret(builder.add(kept, builder.extract_value(row, 1)))
    assert names(made) == {"insertvalue": 2, "extractvalue": 3, "add": 1, "ret": 1}
    sweep(made)
    assert names(made)["insertvalue"] == 2  # the row is read
    parse_assembly(str(made.module)).verify()


def test_what_nobody_reads_is_left_out() -> None:
    made, builder, (whole, number) = function()
    room = builder.alloca(number.type)
    changed = builder.insert_value(whole, number, 0)
    builder.insert_value(changed, number, (1, 1))
    builder.store(number, room)
    builder.select(builder.icmp_signed("<", number, number), number, number)
    builder.load(room)
    builder.ret(builder.extract_value(changed, 0))
    sweep(made)
    assert names(made) == {"alloca": 1, "store": 1, "ret": 1}
    parse_assembly(str(made.module)).verify()
