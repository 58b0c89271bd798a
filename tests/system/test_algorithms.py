"""Winograd and Strassen: they compute the same thing, save the products they should, and lose where additions or bandwidth bind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import hwsim
from hwsim.errors import UsageError
from hwsim.system.algorithms import WINOGRAD, Matrix, additions, strassen_nest, winograd_nest, with_algorithm
from hwsim.workload import LoopNest

DEVICE = replace(hwsim.load_device("v100"), algorithms=("winograd_f2", "winograd_f4", "strassen"))


def numbers(matrix: Matrix) -> np.ndarray:
    return np.array([[float(entry) for entry in row] for row in matrix])


@pytest.mark.parametrize("name", WINOGRAD)
def test_the_matrices_compute_a_convolution(name: str) -> None:
    kind = WINOGRAD[name]
    random = np.random.default_rng(2)
    tile, weights = random.normal(size=(kind.tile, kind.tile)), random.normal(size=(3, 3))
    data, filters, inverse = (numbers(part) for part in (kind.data, kind.filter, kind.inverse))
    products = (filters @ weights @ filters.T) * (data @ tile @ data.T)
    found = inverse @ products @ inverse.T
    plain = [[(tile[y : y + 3, x : x + 3] * weights).sum() for x in range(kind.outputs)] for y in range(kind.outputs)]
    assert found == pytest.approx(np.array(plain))
    assert products.size == kind.tile**2


@pytest.mark.parametrize(("name", "saved"), [("winograd_f2", 2.25), ("winograd_f4", 4.0)])
def test_products_saved(name: str, saved: float) -> None:
    nest = LoopNest(n=2, k=64, c=32, q=56, p=56, s=3, r=3)
    made = winograd_nest(nest, WINOGRAD[name])
    assert made is not None
    assert nest.macs / made.macs == saved
    ragged = winograd_nest(LoopNest(k=8, c=8, q=7, p=7, s=3, r=3), WINOGRAD[name])
    assert ragged is not None
    assert ragged.p == (16 if name == "winograd_f2" else 4)
    for other in (replace(nest, stride_h=2), replace(nest, dilation_w=2), replace(nest, r=5)):
        assert winograd_nest(other, WINOGRAD[name]) is None


def test_additions_of_the_small_transform_as_published() -> None:
    """Lavin and Gray, section 4.1: F(2x2,3x3) takes 32 additions for the data of a tile and 24 for its inverse."""
    kind = WINOGRAD["winograd_f2"]
    assert 2 * kind.tile * additions(kind.data) == 32
    assert (kind.tile + kind.outputs) * additions(kind.inverse) == 24


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_strassen_takes_seven_eighths_a_level(levels: int) -> None:
    nest = LoopNest(k=256, c=128, p=512)
    found = strassen_nest(nest, levels)
    assert found is not None
    made, added, _ = found
    assert made.macs / nest.macs == (7 / 8) ** levels
    if levels == 1:
        assert added == 5 * 256 * 64 + 5 * 64 * 128 + 8 * 256 * 128


def strassen(a: np.ndarray, b: np.ndarray, count: list[int]) -> np.ndarray:
    """One level, counting additions."""
    h = len(a) // 2
    (a11, a12), (a21, a22) = ((a[:h, :h], a[:h, h:]), (a[h:, :h], a[h:, h:]))
    (b11, b12), (b21, b22) = ((b[:h, :h], b[:h, h:]), (b[h:, :h], b[h:, h:]))

    def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        count[0] += x.size
        return x + y

    m1 = add(a11, a22) @ add(b11, b22)
    m2, m3, m4, m5 = add(a21, a22) @ b11, a11 @ add(b12, -b22), a22 @ add(b21, -b11), add(a11, a12) @ b22
    m6, m7 = add(a21, -a11) @ add(b11, b12), add(a12, -a22) @ add(b21, b22)
    top = np.hstack([add(add(m1, m4), add(m7, -m5)), add(m3, m5)])
    return np.vstack([top, np.hstack([add(m2, m4), add(add(m1, m3), add(m6, -m2))])])


def test_strassen_adds_what_is_charged() -> None:
    random = np.random.default_rng(4)
    a, b = random.normal(size=(2, 8, 8))
    count = [0]
    assert strassen(a, b, count) == pytest.approx(a @ b)
    found = strassen_nest(LoopNest(k=8, c=8, p=8), 1)
    assert found is not None
    assert found[1] == count[0]


def test_faster_where_products_bind_and_slower_where_they_do_not() -> None:
    wide = hwsim.prepare(
        hwsim.Network.builder("wide").input("x", (8, 256, 56, 56)).conv(256, kernel=3, bias=False).build()
    )
    thin = hwsim.prepare(
        hwsim.Network.builder("thin").input("x", (8, 4, 224, 224)).conv(4, kernel=3, bias=False).build()
    )

    def gain(prepared: hwsim.estimation.Prepared, name: str) -> float:  # type: ignore[name-defined]
        plain = hwsim.estimate(prepared, DEVICE, rung="roofline")
        other = hwsim.estimate(with_algorithm(prepared, DEVICE, name), DEVICE, rung="roofline")
        return plain.totals.latency_s / other.totals.latency_s

    assert 1 < gain(wide, "winograd_f2") <= 2.25
    assert gain(thin, "winograd_f2") < 1
    assert gain(thin, "winograd_f4") < 1
    big = hwsim.prepare(hwsim.Network.builder("gemm").input("x", (8192, 8192)).dense(8192, bias=False).build())
    small = hwsim.prepare(hwsim.Network.builder("gemv").input("x", (64, 64)).dense(64, bias=False).build())
    assert gain(small, "strassen") < 1 < gain(big, "strassen") < 8 / 7


def test_only_what_a_device_declares() -> None:
    prepared = hwsim.prepare("light_squeezenet")
    with pytest.raises(UsageError, match="does not declare winograd_f2"):
        with_algorithm(prepared, hwsim.load_device("tpu_v1"), "winograd_f2")
    with pytest.raises(UsageError, match="did you mean strassen"):
        with_algorithm(prepared, DEVICE, "strasen")
    made = with_algorithm(prepared, DEVICE, "winograd_f2")
    assert made.complexity.macs < prepared.complexity.macs
    assert any("winograd_f2 in 8 of 26" in note for note in made.folded)
