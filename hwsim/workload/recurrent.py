"""Recurrent layers: the input product over the whole sequence, and the recurrent product step by step."""

from __future__ import annotations

from hwsim.graph import Tensor
from hwsim.workload.call import Call, Demand, operand, product, vector

#: Gates of each cell, and operations of one hidden element and step besides the products, by function: sums of the two products and
#: the gates' own arithmetic, as the equations of the ONNX operator reference write them.
_CELLS: dict[str, tuple[int, tuple[tuple[str, int], ...]]] = {
    "LSTM": (4, (("add", 5), ("mul", 3), ("sigmoid", 3), ("tanh", 2))),
    "DynamicQuantizeLSTM": (4, (("add", 5), ("mul", 3), ("sigmoid", 3), ("tanh", 2), ("dequantize", 16))),
    "GRU": (3, (("add", 5), ("mul", 3), ("sigmoid", 2), ("tanh", 1))),
    "RNN": (1, (("add", 1), ("tanh", 1))),
}


def recurrent(call: Call) -> Demand:
    """LSTM, GRU, RNN, DynamicQuantizeLSTM: X (sequence, batch, inputs), W and R with one slice per direction.

    R's last extent or ``hidden_size`` gives the hidden width; layout 1 puts the batch first. sequence_lens may shorten the run: the full
    sequence is counted.
    """
    x, weight, recurrence, out = call.need(0, 3), call.need(1, 3), call.need(2, 3), call.result()
    gates, steps = _CELLS[call.layer.op]
    length, batch = x.shape[0], x.shape[1]
    if call.integer("layout"):
        length, batch = batch, length
    directions = 2 if call.text("direction", "forward") == "bidirectional" else 1
    hidden = call.integer("hidden_size") or recurrence.shape[-1]
    inputs = x.shape[2]
    state = Tensor("", (), "uint8" if call.layer.op.startswith("DynamicQuantize") else out.dtype)
    first = Tensor("", (), state.dtype) if state.dtype == "uint8" else x
    result = operand(Tensor("", (), out.dtype))
    nests = product(
        first,
        weight,
        result,
        groups=directions,
        rows=length * batch,
        reduction=inputs,
        columns=gates * hidden,
    ) + product(
        state,
        recurrence,
        result,
        groups=directions,
        rows=batch,
        reduction=hidden,
        columns=gates * hidden,
        repeat=length,
    )
    cells = directions * length * batch * hidden
    vectors = tuple(item for function, operations in steps for item in vector(function, operations * cells, cells))
    return Demand(nests, vectors)
