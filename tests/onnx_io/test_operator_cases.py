"""The test cases of every operator that the onnx package generates: some 1,800 small graphs, with the shapes that they must give."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import onnx

from hwsim.device import load
from hwsim.errors import ModelError
from hwsim.estimation import estimate, prepare
from hwsim.onnx_io import read

#: Why some of them cannot be read: their inputs are sequences, empty, without a shape, or hold the shape of another tensor.
EXCUSES = (
    "is a sequence, not a tensor",
    "dims are not known",
    "computed at run time",
    "cannot be known before run time",
)
#: Loops whose trips only run time knows, and the batched Scan of opset 8, which is read as one without a batch.
OTHERWISE = ("test_loop11", "test_range_", "test_scan_sum")


@lru_cache(maxsize=1)
def cases() -> list[tuple[str, onnx.ModelProto]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        found = collect_testcases(None)
    return [(case.name, case.model) for case in found if case.model is not None]


def test_every_operator_case_gives_its_shapes() -> None:
    read_, compared, wrong, unexplained = 0, 0, [], []
    for name, made in cases():
        try:
            network = read(made)
        except ModelError as problem:
            if not any(excuse in str(problem) for excuse in EXCUSES):
                unexplained.append((name, str(problem)))
            continue
        read_ += 1
        for info in made.graph.output:
            dims = tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
            if not info.type.HasField("tensor_type") or 0 in dims or name.startswith(OTHERWISE):
                continue
            tensor = network.tensors.get(info.name)  # a constant result goes by the name of what it was made from
            compared += tensor is not None
            if tensor is not None and tensor.shape != dims:
                wrong.append((name, info.name, tensor.shape, dims))
    assert not unexplained
    assert not wrong
    assert read_ > 0.95 * len(cases()) and compared > read_


def test_every_operator_case_has_an_estimate() -> None:
    devices: list[Any] = [load("eyeriss_v1"), load("t4")]
    for name, made in cases():
        try:
            prepared = prepare(read(made))
        except ModelError:
            continue
        for device in devices:
            totals = estimate(prepared, device, rung="roofline").totals
            assert 0 <= totals.latency_s < 1, name
            assert totals.macs == prepared.complexity.macs, name
