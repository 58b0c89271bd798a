"""Documents of each reader's own words in any arrangement, tables of its own columns, graphs of all operators: an answer or an HwsimError.

``HWSIM_TEST_GRAMMAR=20000 python -m pytest tests/fuzz/test_grammar.py --hypothesis-profile=free`` tries so many new ones of each.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hwsim.workload.lower import HANDLERS
from tests.fuzz.readers import feed
from tests.fuzz.seeds import seeds
from tests.fuzz.test_poison import CSVS, JSONS, YAMLS, _documents

EXAMPLES = int(os.environ.get("HWSIM_TEST_GRAMMAR", "20"))
_MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
NUMBERS = (
    st.sampled_from([0, 1, -1, 2, 3, 8, 64, 2**31, 2**63, -(2**63), 10**30, 0.5, 1e-300, 1e300])
    | st.integers()
    | st.floats()
)
WORDS = st.sampled_from(
    ["", "x", "input", "K", "a b", "=1", "\x1b[2J", "\u202e", "1e9", "null", "../x", "a" * 300]
) | st.text(max_size=6)


def subtrees(tree: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a document, with the way to it."""
    yield steps, tree
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from subtrees(value, (*steps, key))


@cache
def words(name: str) -> tuple[list[Any], list[str], list[tuple[tuple[Any, ...], ...]], list[Any]]:
    """Documents of a reader, the keys in them, the ways to values of each document, and all values."""
    found = _documents(name)
    trees = [list(subtrees(document)) for document in found]
    keys = sorted({str(steps[-1]) for tree in trees for steps, _ in tree if steps and isinstance(steps[-1], str)})
    ways = [tuple(steps for steps, _ in tree if steps) for tree in trees]
    return found, keys, ways, [value for tree in trees for _, value in tree]


@st.composite
def documents(draw: st.DrawFn, name: str) -> bytes:
    """A document that is known, with up to four values replaced by others of the reader's own, or by new ones."""
    found, keys, ways, values = words(name)
    place = draw(st.integers(0, len(found) - 1))
    document = copy.deepcopy(found[place])
    scalar = st.none() | st.booleans() | NUMBERS | WORDS
    new = st.recursive(
        scalar,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys) | WORDS, inner, max_size=4),
        max_leaves=8,
    )
    for _ in range(draw(st.integers(1, 4))):
        steps = draw(st.sampled_from(ways[place]))
        here = document
        try:
            for step in steps[:-1]:
                here = here[step]
            here[steps[-1]] = copy.deepcopy(draw(new | st.sampled_from(values)))
        except (KeyError, IndexError, TypeError):  # what lay there has been replaced already
            continue
    text = json.dumps(document)
    if name in YAMLS:
        text = text.replace("NaN", ".nan").replace("Infinity", ".inf")
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", YAMLS + JSONS)
def test_documents(name: str) -> None:
    @_MANY
    @given(documents(name))
    def read(data: bytes) -> None:
        feed(name, data)

    read()


@pytest.mark.parametrize("name", CSVS)
def test_tables(name: str) -> None:
    headers = sorted({cell for data in seeds(name)[:2] for cell in next(csv.reader(io.StringIO(data.decode())))})
    cell = (NUMBERS | WORDS | st.sampled_from(["Conv", "Gemm", "Relu", "layer", "model", "c", "int8"])).map(str)

    @_MANY
    @given(st.lists(st.sampled_from(headers), min_size=1, max_size=8, unique=True), st.data())
    def read(columns: list[str], data: st.DataObject) -> None:
        rows = data.draw(st.lists(st.lists(cell, min_size=len(columns) - 1, max_size=len(columns)), max_size=4))
        out = io.StringIO()
        csv.writer(out).writerows([columns, *rows])
        feed(name, out.getvalue().encode("utf-8", "surrogatepass"))

    read()


_NAMES = """axis axes perm kernel_shape strides pads dilations group num_heads mode keepdims equation to shape split hidden_size
direction auto_pad blocksize k value transA alpha epsilon body then_branch num_outputs output_shape sampling_ratio block_size bits"""
ATTRIBUTES = st.dictionaries(
    st.sampled_from(_NAMES.split()),
    st.sampled_from(
        [
            -1,
            0,
            1,
            2,
            7,
            2**40,
            0.5,
            "SAME_UPPER",
            "ij,jk->ik",
            [1, 1],
            [3, 3],
            [0, -1],
            [1, 0, 2],
            [1] * 8,
            [2.5],
            [2**62],
        ]
    ),
    max_size=4,
)


@_MANY
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(HANDLERS)), st.lists(st.integers(-1, 12), max_size=5), ATTRIBUTES),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.lists(st.sampled_from([-1, 0, 1, 2, 3, 8, 2**40]), max_size=5), min_size=1, max_size=3),
    st.sampled_from(["", "com.microsoft", "qonnx.custom_op.general", "ai.onnx.ml"]),
    st.integers(1, 27),
)
def test_graphs(
    nodes: list[tuple[str, list[int], dict[str, Any]]], shapes: list[list[int]], domain: str, opset: int
) -> None:
    names = [f"x{place}" for place in range(len(shapes))] + ["w", "s"]
    made = []
    for place, (op, inputs, attributes) in enumerate(nodes):
        read = ["" if number < 0 else names[number % len(names)] for number in inputs]
        made.append(helper.make_node(op, read, [f"y{place}"], name=f"n{place}", domain=domain, **attributes))
        names.append(f"y{place}")
    graph = helper.make_graph(
        made,
        "g",
        [helper.make_tensor_value_info(f"x{place}", TensorProto.FLOAT, shape) for place, shape in enumerate(shapes)],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None)],
        [
            helper.make_tensor("w", TensorProto.FLOAT, [2, 3, 1, 1], [0.5] * 6),
            helper.make_tensor("s", TensorProto.INT64, [2], [1, -1]),
        ],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    feed("onnx", model.SerializeToString())
