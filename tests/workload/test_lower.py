"""lower: every operator, odd shapes, bytes by tensor, repeats, fused layers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import HwsimError
from hwsim.graph import Layer, Tensor
from hwsim.graph.operators import ELEMENTWISE, FREE, PRESERVING
from hwsim.workload import HANDLERS, Work, lower
from hwsim.workload.functions import ACTIVATION, ELEMENT, FUNCTIONS
from hwsim.workload.movement import gather
from tests.workload.single import activation, network, parameter, single, work

shapes = st.one_of(
    st.lists(st.integers(0, 3), max_size=5),
    *(st.lists(st.integers(1, 3), min_size=rank, max_size=rank) for rank in (2, 3, 4)),
).map(tuple)
tensors = st.builds(
    lambda shape, dtype, role: Tensor("", shape, dtype, role),
    shapes,
    st.sampled_from(["float32", "int8", "int64", "uint4", "bool", "float8e4m3fn"]),
    st.sampled_from(["activation", "parameter", "constant"]),
)


def test_every_operator_that_passes_know_has_a_handler():
    assert set(HANDLERS) >= ELEMENTWISE | FREE | PRESERVING


def test_vector_functions_are_documented():
    assert set(ELEMENT) == ELEMENTWISE
    assert {function for function, _ in (*ELEMENT.values(), *ACTIVATION.values())} <= set(FUNCTIONS)


@settings(max_examples=1000)
@given(
    st.sampled_from(sorted(HANDLERS)),
    st.lists(st.none() | tensors, max_size=8),
    st.lists(tensors, min_size=1, max_size=3),
)
def test_odd_operands_give_work_or_an_error_that_names_the_node(name, inputs, outputs):
    domain, _, op = name.rpartition("::")
    operands = [replace(tensor, name=f"i{index}") if tensor else None for index, tensor in enumerate(inputs)]
    results = [replace(tensor, name=f"o{index}", role="activation") for index, tensor in enumerate(outputs)]
    try:
        found = work(op, operands, results, {"num_heads": 2, "k": 1, "equation": "ij,jk->ik"}, domain)
    except HwsimError as error:
        assert "node 'node'" in str(error)
        return
    assert found.known and found.macs >= 0
    assert all(nest.macs > 0 for nest in found.nests)
    assert all(op.operations > 0 and op.function in FUNCTIONS for op in found.vectors)
    assert all(size >= 0 for _, size in (*found.reads, *found.writes))


def test_an_unknown_operator_costs_its_tensor_traffic():
    x, y = activation("x", 4, 4), activation("y", 2, 4)
    for op, domain in (("Wat", ""), ("Conv", "org.example")):
        found = work(op, [x], [y], domain=domain)
        assert not found.known and not found.nests and not found.vectors
        assert (found.moves[0].read_bytes, found.moves[0].write_bytes) == (64, 32)


@pytest.mark.parametrize("op", ["Reshape", "Identity", "Constant", "Dropout", "Shape", "Flatten"])
def test_free_operators_ask_for_nothing(op):
    assert work(op, [activation("x", 4, 4)], [activation("y", 16)]) == Work(free=True)


def test_a_tensor_read_twice_is_counted_once():
    x = activation("x", 4, 4)
    assert work("Mul", [x, x], [activation("y", 4, 4)]).reads == (("x", 64),)


def test_packed_elements_round_up_to_bytes():
    found = work("Relu", [activation("x", 3, dtype="int4")], [activation("y", 3, dtype="int4")])
    assert (found.reads, found.writes) == ((("x", 2),), (("y", 2),))


def test_gathers_read_rows_and_not_the_table():
    table, rows = parameter("t", 30000, 768), activation("i", 2, 128, dtype="int64")
    found = work("Gather", [table, rows], [activation("y", 2, 128, 768)])
    assert dict(found.reads) == {"t": 256 * 768 * 4, "i": 256 * 8}
    assert found.moves and not found.vectors
    bag = work(
        "EmbeddingBag", [parameter("t", 1000, 16), activation("i", 4, 10, dtype="int64")], [activation("y", 4, 16)]
    )
    assert dict(bag.reads)["t"] == 40 * 16 * 4
    assert HANDLERS["GatherND"] is gather


def test_slices_read_what_comes_out():
    found = work("Slice", [activation("x", 100, 10)], [activation("y", 5, 10)])
    assert dict(found.reads) == {"x": 200} and dict(found.writes) == {"y": 200}


def test_embedding_with_normalization_reads_rows_of_its_tables():
    ids = activation("ids", 1, 8, dtype="int32")
    tables = [parameter("word", 1000, 16), parameter("position", 512, 16), parameter("segment", 2, 16)]
    found = work("EmbedLayerNormalization", [ids, None, *tables], [activation("y", 1, 8, 16)], domain="com.microsoft")
    assert dict(found.reads) == {"ids": 32, "word": 512, "position": 512, "segment": 128}


def test_repeats_multiply_everything():
    x, w, y = activation("x", 3, 8), parameter("w", 8, 4), activation("y", 3, 4)
    once, often = work("MatMul", [x, w], [y]), work("MatMul", [x, w], [y], repeat=7)
    assert often.macs == 7 * once.macs
    assert often.reads == tuple((name, 7 * size) for name, size in once.reads)
    added = work("Add", [y, activation("z", 3, 4)], [activation("o", 3, 4)], repeat=5)
    assert added.vectors[0].operations == 60


def test_variadic_operators_pay_for_every_operand_after_the_first():
    parts = [activation(f"x{index}", 4) for index in range(5)]
    assert work("Sum", parts, [activation("y", 4)]).vectors[0].operations == 16


def test_pooling_looks_at_every_element_of_its_windows():
    x, y = activation("x", 1, 8, 6, 6), activation("y", 1, 8, 3, 3)
    assert work("MaxPool", [x], [y], {"kernel_shape": (2, 2)}).vectors[0].operations == 4 * 72
    assert work("GlobalAveragePool", [x], [activation("y", 1, 8, 1, 1)]).vectors[0].operations == 288


def test_a_fused_layer_keeps_the_work_and_drops_the_traffic_between():
    x, w, t, y = activation("x", 3, 8), parameter("w", 8, 4), activation("t", 3, 4), activation("y", 3, 4, dtype="int8")
    z = activation("z", 3, 4)
    first = Layer("product", "MatMul", ("x", "w"), ("t",))
    second = Layer("sum", "Add", ("t", "z"), ("y",))
    both = Layer("product", "MatMul", ("x", "w", "z"), ("y",), members=(first, second))
    found = lower(both, network([both], [x, w, t, y, z]))
    assert dict(found.reads) == {"x": 96, "w": 128, "z": 48} and dict(found.writes) == {"y": 12}
    assert found.macs == 96 and found.vectors[0].function == "add"
    assert found.nests[0].output.dtype == "int8"


def test_one_layer_networks_know_their_ends():
    found = single("Relu", [activation("x", 3)], [activation("y", 3)])
    assert (found.inputs, found.outputs) == (("x",), ("y",))
