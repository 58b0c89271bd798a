"""Dims of the inputs: given, fixed, assumed, missing."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from hwsim.errors import ModelError
from hwsim.graph import Network
from hwsim.onnx_io import read
from tests.onnx_io.build import Shape, floats, model, node


def relu(*shape: int | str | None) -> onnx.ModelProto:
    return model([node("Relu", "x", "y")], {"x": list(shape)})


def output(network: Network) -> tuple[int, ...]:
    return network.tensors[network.outputs[0]].shape


def test_batch_defaults_to_one_and_is_said() -> None:
    network = read(relu("N", 3, 8, 8))
    assert output(network) == (1, 3, 8, 8)
    assert any("'N'" in note and "--batch" in note for note in network.notes)


def test_batch_binds_symbols_and_rebinds_a_fixed_one() -> None:
    assert output(read(relu("N", 3), batch=5)) == (5, 3)
    assert output(read(relu(1, 3), batch=5)) == (5, 3)
    assert output(read(relu(2, 3), batch=5)) == (2, 3)


def test_a_leading_dim_that_is_no_batch_must_be_given() -> None:
    with pytest.raises(ModelError, match="--dim seq_len=N"):
        read(relu("seq_len", 3))
    assert output(read(relu("seq_len", 3), dims={"seq_len": 7})) == (7, 3)


def test_every_missing_dim_is_named_at_once() -> None:
    made = model([node("Add", "a b", "y")], {"a": ["N", 3, "h", "w"], "b": ["N", 3, "h", None]})
    with pytest.raises(ModelError) as caught:
        read(made)
    (line,) = caught.value.findings
    assert line.endswith("inputs 'a' is Nx3xhxw, 'b' is Nx3xhx?; give --dim h=N --dim w=N --shape b=Nx3xNxN")


@pytest.mark.parametrize("written", [0, -1])
def test_zero_and_minus_one_are_dynamic(written: int) -> None:
    assert output(read(relu(written, 3))) == (1, 3)
    with pytest.raises(ModelError, match="--shape x=1x"):
        read(relu(1, written))
    assert output(read(relu(1, written), shapes={"x": (1, 4)})) == (1, 4)


def test_shape_binds_the_symbols_of_other_inputs() -> None:
    made = model([node("Add", "a b", "y")], {"a": ["N", "h"], "b": ["N", "h"]})
    assert output(read(made, shapes={"a": (2, 6)})) == (2, 6)


def test_contradicting_symbols_are_refused() -> None:
    with pytest.raises(ModelError, match="'n' is 3 here and 2 elsewhere"):
        read(relu("n", "n"), shapes={"x": (2, 3)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": {"hieght": 4}}, "did you mean height"),
        ({"shapes": {"xx": (1, 2)}}, "nothing of that name"),
        ({"trips": {"loop": 4}}, "nothing of that name"),
        ({"dims": {"height": 0}}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"shapes": {"x": (1, 2, 3)}}, "has 2 dims"),
        ({"shapes": {"x": (1, -2)}}, "at least 1"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read(relu("N", "height"), **options)  # type: ignore[arg-type]


def reshaped(target: list[int], shape: Shape = (1, 4, 6)) -> onnx.ModelProto:
    return model([node("Reshape", "x s", "y")], {"x": shape}, weights={"s": np.int64(target)})


def test_a_batch_written_into_a_reshape_follows() -> None:
    network = read(reshaped([1, 24]), batch=3)
    assert output(network) == (3, 24)
    assert any("batch of 1 written" in note for note in network.notes)
    assert network.layers[0].attributes["shape"] == (3, 24)


def test_a_batch_that_cannot_change_is_kept_and_said() -> None:
    network = read(reshaped([4, 6]), batch=3)
    assert output(network) == (4, 6)
    assert any(note.startswith("the batch could not be set to 3") for note in network.notes)


def test_a_constant_state_fixes_the_batch() -> None:
    made = model(
        [node("LSTM", "x w r _ _ h", "y", hidden_size=3)],
        {"x": [7, 1, 5]},
        weights={"w": floats(1, 12, 5), "r": floats(1, 12, 3), "h": floats(1, 1, 3)},
    )
    assert output(read(made, batch=2)) == (7, 1, 1, 3)


def test_a_good_file_says_nothing() -> None:
    made = model([node("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, weights={"w": floats(4, 3, 3, 3)})
    network = read(made)
    assert network.notes == ()
    assert network.inputs == ("x",)
    assert network.outputs == ("y",)


def test_initializers_may_be_listed_as_inputs() -> None:
    made = model([node("Conv", "x w", "y")], {"x": [1, 3, 8, 8], "w": [4, 3, 3, 3]}, weights={"w": floats(4, 3, 3, 3)})
    network = read(made)
    assert network.inputs == ("x",)
    assert network.tensors["w"].role == "parameter"


def test_a_shape_that_is_computed_at_run_time_can_be_given() -> None:
    made = model([node("Cast", "s", "t", to=7), node("Expand", "x t", "y")], {"x": [1, 3], "s": [2]})
    with pytest.raises(ModelError, match="--shape y=AxBxC"):
        read(made)
    assert output(read(made, shapes={"y": (4, 3)})) == (4, 3)


def test_a_number_that_is_computed_at_run_time_can_be_given() -> None:
    nodes = [node("ReduceMax", "x", "m", keepdims=0), node("Cast", "m", "n", to=7), node("Range", "zero n one", "y")]
    made = model(nodes, {"x": [1, 3]}, weights={"zero": np.int64(0), "one": np.int64(1)})
    with pytest.raises(ModelError, match="--dim n=N"):
        read(made)
    assert output(read(made, dims={"n": 9})) == (9,)


def test_a_batch_that_is_too_large_is_no_fault_of_the_graph() -> None:
    with pytest.raises(ModelError, match=r"^batch 1000000000: .*2\^40"):
        read(reshaped([1, 4096], (1, 64, 64)), batch=10**9)
    assert output(read(reshaped([1, 4096], (1, 64, 64)), batch=2000)) == (2000, 4096)
