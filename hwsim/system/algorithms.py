"""Other ways to the same products: Winograd's for 3x3 convolutions, Strassen's for matrices. Products saved, additions and workspace
charged.

Winograd: Lavin and Gray, "Fast algorithms for convolutional neural networks," CVPR 2016, arXiv:1509.09308, whose matrices these are.
Strassen, "Gaussian elimination is not optimal," Numer. Math. 13, 1969, doi:10.1007/BF02165411. Additions are counted from the matrices,
entry by entry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from hwsim.device import Device
from hwsim.errors import UsageError, nearest
from hwsim.estimation import Prepared
from hwsim.estimation.conversion import converted
from hwsim.graph import Network, Tensor
from hwsim.workload import LoopNest, VectorOp, Work

Matrix = tuple[tuple[Fraction, ...], ...]


def _matrix(text: str) -> Matrix:
    return tuple(tuple(Fraction(entry) for entry in row.split()) for row in text.split(","))


@dataclass(frozen=True, slots=True)
class Winograd:
    """F(m x m, 3 x 3) as O = Aᵀ[(G w Gᵀ) ∘ (Bᵀ i B)]A on tiles of (m + 2)² inputs. outputs : m [1]."""

    outputs: int
    data: Matrix
    filter: Matrix
    inverse: Matrix

    @property
    def tile(self) -> int:
        """Inputs along one side of a tile [1]."""
        return self.outputs + 2


WINOGRAD = {
    "winograd_f2": Winograd(
        2,
        _matrix("1 0 -1 0, 0 1 1 0, 0 -1 1 0, 0 1 0 -1"),
        _matrix("1 0 0, 1/2 1/2 1/2, 1/2 -1/2 1/2, 0 0 1"),
        _matrix("1 1 1 0, 0 1 -1 -1"),
    ),
    "winograd_f4": Winograd(
        4,
        _matrix("4 0 -5 0 1 0, 0 -4 -4 1 1 0, 0 4 -4 -1 1 0, 0 -2 -1 2 1 0, 0 2 -1 -2 1 0, 0 4 0 -5 0 1"),
        _matrix("1/4 0 0, -1/6 -1/6 -1/6, -1/6 1/6 -1/6, 1/24 1/12 1/6, 1/24 -1/12 1/6, 0 0 1"),
        _matrix("1 1 1 1 1 0, 0 1 -1 2 -2 0, 0 1 1 4 4 0, 0 1 -1 8 -8 1"),
    ),
}
#: Additions of one level of Strassen: on quarters of the first factor, of the second, of the product.
_STRASSEN = (5, 5, 8)


def additions(matrix: Matrix) -> int:
    """Additions of multiplying a vector by a matrix [1]; scaling by its constants goes with them."""
    return sum(max(0, sum(entry != 0 for entry in row) - 1) for row in matrix)


def with_algorithm(prepared: Prepared, device: Device, name: str, levels: int = 1) -> Prepared:
    """The network with another algorithm wherever it applies and the device's profile declares it.

    winograd_f2, winograd_f4 : 3x3 convolutions of stride 1 that are not dilated; weights are transformed beforehand. strassen : products
    of matrices, halved ``levels`` times. Workspace is written to and read from memory like a tensor. Raises UsageError where the profile
    does not declare it.
    """
    known = (*WINOGRAD, "strassen")
    if name not in known:
        raise UsageError(f"algorithm {name}: there is no such one{nearest(name, known)}; there are {', '.join(known)}")
    if name not in device.algorithms:
        raise UsageError(
            f"{device.name} does not declare {name}: a profile that extends it may (compute.algorithms: [{name}])"
        )
    if levels < 1:
        raise UsageError(f"strassen: {levels} levels: needs at least 1")
    prepared, _ = converted(prepared, device)
    tensors = dict(prepared.network.tensors)
    works: list[Work] = []
    used = 0
    for layer, work in zip(prepared.network.layers, prepared.works, strict=True):
        changed = (
            _winograd(work, WINOGRAD[name], tensors, layer.name)
            if name in WINOGRAD
            else _strassen(work, levels, tensors, layer.name)
        )
        used += changed is not work
        works.append(changed)
    note = f"{name} in {used} of {sum(bool(work.nests) for work in works)} layers with products"
    network: Network = replace(prepared.network, tensors=tensors)
    settings = {**prepared.settings, "algorithm": name, "algorithm_levels": levels}
    return replace(prepared, network=network, works=tuple(works), settings=settings, folded=(*prepared.folded, note))


def winograd_nest(nest: LoopNest, kind: Winograd) -> LoopNest | None:
    """The elementwise products as one product of matrices for each of the (m + 2)² places of a tile; None where it does not apply."""
    if (nest.s, nest.r, nest.stride_h, nest.stride_w, nest.dilation_h, nest.dilation_w) != (3, 3, 1, 1, 1, 1):
        return None
    tiles = nest.n * -(-nest.q // kind.outputs) * -(-nest.p // kind.outputs)
    return LoopNest(
        g=nest.g * kind.tile**2, k=nest.k, c=nest.c, p=tiles,
        input=nest.input, weight=nest.weight, output=nest.output, accumulator=nest.accumulator,
        weight_role=nest.weight_role, repeat=nest.repeat,
    )  # fmt: skip


def _winograd(work: Work, kind: Winograd, tensors: dict[str, Tensor], layer: str) -> Work:
    made = [winograd_nest(nest, kind) for nest in work.nests]
    if not made or any(
        nest is None or old.weight_role != "parameter" for nest, old in zip(made, work.nests, strict=True)
    ):
        return work
    nests = tuple(nest for nest in made if nest is not None)
    side, out = kind.tile, kind.outputs
    vectors = []
    workspace = weights = 0
    for nest, old in zip(nests, work.nests, strict=True):
        blocks = nest.p * old.g * old.repeat
        forward = blocks * old.c * 2 * side * additions(kind.data)
        back = blocks * old.k * (side + out) * additions(kind.inverse)
        vectors.append(VectorOp("add", forward + back, blocks * (old.c * side**2 + old.k * out**2)))
        workspace += blocks * side**2 * (old.c * old.input.bits + old.k * old.accumulator.bits) // 8
        weights += old.g * old.k * old.c * (side**2 - 9) * old.weight.bits // 8 * old.repeat
    more = _kept(workspace, tensors, f"{layer}/workspace")
    extra = _kept(weights, tensors, f"{layer}/transformed")
    return replace(
        work,
        nests=nests,
        vectors=(*work.vectors, *vectors),
        reads=(*work.reads, *more, *extra),
        writes=(*work.writes, *more),
    )


def strassen_nest(nest: LoopNest, levels: int) -> tuple[LoopNest, int, int] | None:
    """7^levels products of matrices with halved sides, the additions [1] and the words of workspace [1]; None where it does not apply."""
    if nest.s * nest.r * nest.q != 1 or nest.stride_w != 1 or min(nest.p, nest.c, nest.k) < 2**levels:
        return None
    rows, deep, columns = nest.n * nest.p, nest.c, nest.k
    added = words = 0
    products = 1
    for _ in range(levels):
        rows, deep, columns = -(-rows // 2), -(-deep // 2), -(-columns // 2)
        sizes = rows * deep, deep * columns, rows * columns
        added += products * sum(count * size for count, size in zip(_STRASSEN, sizes, strict=True))
        products *= 7
        words += products * sum(sizes)
    each = replace(nest, n=1, g=nest.g * products, p=rows, c=deep, k=columns, width=0, height=0)
    return each, added * nest.g * nest.repeat, words * nest.g * nest.repeat


def _strassen(work: Work, levels: int, tensors: dict[str, Tensor], layer: str) -> Work:
    made = [strassen_nest(nest, levels) for nest in work.nests]
    if not made or any(found is None for found in made):
        return work
    nests, vectors = [], list(work.vectors)
    workspace = 0
    for found, old in zip(made, work.nests, strict=True):
        assert found is not None
        nest, added, words = found
        nests.append(nest)
        vectors.append(VectorOp("add", added, added))
        workspace += words * old.accumulator.bits // 8
    more = _kept(workspace, tensors, f"{layer}/workspace")
    return replace(
        work, nests=tuple(nests), vectors=tuple(vectors), reads=(*work.reads, *more), writes=(*work.writes, *more)
    )


def _kept(size: int, tensors: dict[str, Tensor], name: str) -> tuple[tuple[str, int], ...]:
    """A tensor of so many bytes that is written and read again; nothing for none."""
    if size <= 0:
        return ()
    tensors[name] = Tensor(name, (size,), "int8", "constant" if name.endswith("/transformed") else "activation")
    return ((name, size),)
