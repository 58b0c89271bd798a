"""Small networks that show one constant of a CPU each: products, convolutions, copies by cache level, functions, dispatch.

What is measured lies between two layers, as in a network: outputs of a network are put into fresh memory, whose pages cost more than the
work, and inputs were last touched a run ago. Layers named after ``ENDS`` begin and end each chain and are not fitted to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hwsim.graph import Network
from hwsim.graph.builder import Builder

#: How names of layers begin that only begin or end a chain.
ENDS = ("begin", "end")
#: Rows, reduction and columns of matrix products: large, small, and one row against a matrix that no cache holds.
_PRODUCTS = ((64, 64, 64), (128, 256, 128), (256, 256, 256), (384, 768, 768), (512, 512, 512))
_VECTORS = ((1, 256, 256), (1, 1024, 1024), (1, 2048, 1000), (1, 4096, 4096))
#: Channels, side, filters of convolutions.
_POINTWISE = ((16, 112, 64), (64, 56, 64), (128, 28, 128), (256, 14, 512), (512, 7, 512))
_WINDOWS = ((3, 112, 32), (32, 56, 32), (64, 56, 64), (128, 28, 128), (256, 14, 256), (512, 7, 512))
#: Channels, side, stride of depthwise convolutions.
_DEPTHWISE = ((32, 112, 1), (96, 56, 1), (96, 112, 2), (240, 14, 1), (576, 14, 1), (960, 7, 1))
#: Elements of a tensor that is read and written once: from the inner caches to memory. Smaller ones take less than the profiler resolves.
_STREAMS = (2**14, 2**16, 2**18, 2**20, 2**22)
_FUNCTIONS = ("Relu", "Sigmoid", "Tanh", "Exp", "Erf", "Sqrt")


def microbenchmarks() -> Iterator[Network]:
    """The networks, each of short chains of layers that run one after the other."""
    yield _matrices("micro_gemm", _PRODUCTS)
    yield _matrices("micro_gemv", _VECTORS)
    yield _convolutions("micro_conv1x1", _POINTWISE, 1)
    yield _convolutions("micro_conv3x3", _WINDOWS, 3)
    yield _depthwise()
    yield _streams()
    yield _functions()
    yield _dispatch()


def _matrices(name: str, sizes: tuple[tuple[int, int, int], ...]) -> Network:
    builder = Network.builder(name)
    for place, (rows, inner, columns) in enumerate(sizes):
        builder = builder.input(f"x{place}", (rows, inner)).relu(name=f"begin{place}").dense(columns, bias=False)
        builder = builder.dense(1, bias=False, name=f"end{place}")
    return builder.build()


def _convolutions(name: str, sizes: tuple[tuple[int, int, int], ...], kernel: int) -> Network:
    builder = Network.builder(name)
    for place, (channels, side, filters) in enumerate(sizes):
        builder = builder.input(f"x{place}", (1, channels, side, side)).conv(filters, kernel=kernel, bias=False)
        builder = builder.global_pool(name=f"end{place}")
    return builder.build()


def _depthwise() -> Network:
    builder = Network.builder("micro_depthwise")
    for place, (channels, side, stride) in enumerate(_DEPTHWISE):
        builder = builder.input(f"x{place}", (1, channels, side, side)).conv(
            channels, kernel=1, bias=False, name=f"begin{place}"
        )
        builder = builder.depthwise(stride=stride).global_pool(name=f"end{place}")
    return builder.build()


def _streams() -> Network:
    builder = Network.builder("micro_stream")
    for place, elements in enumerate(_STREAMS):
        builder = _chain(builder.input(f"x{place}", (1, 16, 8, elements // 128)), place).relu()
        builder = builder.global_pool(name=f"end{place}")
    return builder.build()


def _chain(builder: Builder, place: int) -> Builder:
    """Begins a chain with a layer that brings its input into the caches."""
    return builder.activation("Neg", name=f"begin{place}")


def _functions() -> Network:
    builder, place = Network.builder("micro_functions"), 0
    for side in (128, 256, 512):
        image, half, plane = (1, 16, side // 4, side // 4), (1, 16, side // 2, side // 2), (1, 1, side, side)
        kinds: list[tuple[tuple[int, ...], Callable[[Builder], Builder]]] = [
            *((plane, lambda net, op=op: net.activation(op)) for op in _FUNCTIONS),
            (plane, lambda net: net.softmax()), (plane, lambda net: net.layer_norm()), (image, lambda net: net.local_response()),
            (half, lambda net: net.pool(3, stride=2, padding=1)), (plane, lambda net: net.add(net.current)),
        ]  # fmt: skip
        for shape, layer in kinds:
            builder = layer(_chain(builder.input(f"x{place}", shape), place)).global_pool(name=f"end{place}")
            place += 1
    return builder.build()


def _dispatch() -> Network:
    builder = Network.builder("micro_dispatch").input("x", (1, 8))
    for _ in range(16):
        builder = builder.activation("Tanh").activation("Neg")
    return builder.build()
