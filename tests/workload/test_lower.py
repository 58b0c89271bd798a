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


def test_work_of_just_below_two_to_the_sixty_third_is_costed():
    for repeat, fine in ((2**63 - 1, True), (2**63, False)):
        if fine:
            found = work("Relu", [activation("x", 1, dtype="int8")], [activation("y", 1, dtype="int8")], repeat=repeat)
            assert found.vectors[0].operations == repeat == dict(found.writes)["y"]
            continue
        with pytest.raises(
            HwsimError, match=r"node 'node': Relu: asks for 9\.22e\+18 MACs, operations or bytes; 2\^63 and more"
        ):
            work("Relu", [activation("x", 1, dtype="int8")], [activation("y", 1, dtype="int8")], repeat=repeat)
    x, w = activation("x", 2, 3, dtype="int4"), parameter("w", 3, 2, dtype="int4")
    with pytest.raises(HwsimError, match=r"asks for 1\.11e\+20 MACs"):
        work("MatMul", [x, w], [activation("y", 2, 2, dtype="int4")], repeat=2**63 - 1)
    with pytest.raises(HwsimError, match="are not costed"):
        work("Wat", [activation("x", 2, dtype="int8")], [activation("y", 1, dtype="int4")], repeat=2**62)


def test_a_tensor_at_two_places_counts_as_the_larger_and_an_empty_one_as_nothing():
    table = activation("t", 10, 4)
    for op, size in (("Gather", 160), ("Add", 160)):
        assert dict(work(op, [table, table], [activation("y", 1, 4)]).reads) == {"t": size}
    empty = work("Concat", [activation("x", 0, 4), table], [activation("y", 10, 4)])
    assert empty.reads == (("x", 0), ("t", 160)) and empty.writes == (("y", 160),)
    nothing = work("Relu", [activation("x", 0)], [activation("y", 0)])
    assert nothing == Work(reads=(("x", 0),), writes=(("y", 0),))
    assert work("Wat", [], [activation("y", 2)]).moves[0].read_bytes == 0


def test_repeats_go_to_nests_vectors_and_bytes_alone():
    x, w, y = activation("x", 3, 8), parameter("w", 8, 4), activation("y", 3, 4)
    often = work("Gemm", [x, w], [y], {"activation": "tanh"}, repeat=3)
    assert [(nest.repeat, nest.p) for nest in often.nests] == [(3, 3)]
    assert [(one.operations, one.elements) for one in often.vectors] == [(36, 36)]
    assert (often.reads, often.writes, often.moves) == ((("x", 288), ("w", 384)), (("y", 144),), ())
    moved = work("Transpose", [x], [activation("y", 8, 3)], repeat=2)
    assert [(move.read_bytes, move.write_bytes) for move in moved.moves] == [(192, 192)]


def test_what_is_known_of_fused_layers():
    """Of members that read a tensor the most that one reads; unknown where one of them is; views of it cost nothing."""
    tensors_ = [
        activation("x", 3, 8),
        parameter("w", 8, 8),
        activation("a", 3, 8),
        activation("b", 3, 8),
        activation("y", 1, 8, dtype="int8"),
    ]
    first = Layer("p", "MatMul", ("x", "w"), ("a",))
    view = Layer("v", "Identity", ("a",), ("b",))
    for last, known, reads in (
        (Layer("s", "Slice", ("b", "x"), ("y",)), True, {"x": 96, "w": 256}),
        (Layer("u", "Wat", ("b",), ("y",)), False, {"x": 96, "w": 256}),
    ):
        both = Layer("p", "MatMul", ("x", "w"), ("y",), members=(first, view, last))
        found = lower(both, network([both], tensors_))
        assert (found.known, dict(found.reads), dict(found.writes), found.macs) == (known, reads, {"y": 8}, 192)
        assert found.nests[0].output.dtype == "int8" and len(found.moves) == 1 and not found.free
    late = Layer(
        "p", "Slice", ("x",), ("y",), members=(Layer("c", "Slice", ("x",), ("y",)), Layer("d", "Relu", ("x",), ("b",)))
    )
    assert dict(lower(late, network([late], tensors_)).reads) == {"x": 96}
    lone = Layer("p", "MatMul", ("x", "w"), (), members=(first,))
    assert lower(lone, network([lone], tensors_)).nests[0].output.dtype == "float32"
    early = Layer(
        "p", "Wat", ("x", "w"), ("y",), members=(Layer("u", "Wat", ("x",), ("a",)), Layer("r", "Relu", ("a",), ("y",)))
    )
    assert not lower(early, network([early], tensors_)).known


def test_operators_of_other_domains():
    """A name means hwsim's operator in the domains that it knows only; one that two domains share has the one of its own."""
    x, y = activation("x", 4, 4), activation("y", 4, 4)
    assert work("Relu", [x], [y], domain="ai.onnx").known and not work("Relu", [x], [y], domain="org.example").known
    q, w = activation("q", 1, 8, 32), parameter("w", 32, 96)
    projected = work("Attention", [q, w], [activation("y", 1, 8, 32)], {"num_heads": 2}, "com.microsoft")
    assert len(projected.nests) == 3 and HANDLERS["com.microsoft::Attention"] is not HANDLERS["Attention"]
    with pytest.raises(
        HwsimError, match=r"^node 'node': DFT: its operands do not fit the operator \(tuple index out of range\)$"
    ):
        work("DFT", [activation("x", 4, 8, 5, 2)], [activation("y", 8, 2)], {"axis": -3})
