"""Small networks that show one constant of a CPU each: products, convolutions, copies by cache level, functions, dispatch."""

from __future__ import annotations

from collections.abc import Iterator

from hwsim.graph import Network

#: Rows, reduction and columns of matrix products: large, small, and one row against a matrix that no cache holds.
_PRODUCTS = ((64, 64, 64), (128, 256, 128), (256, 256, 256), (384, 768, 768), (512, 512, 512))
_VECTORS = ((1, 256, 256), (1, 1024, 1024), (1, 2048, 1000), (1, 4096, 4096))
#: Channels, side, filters of convolutions.
_POINTWISE = ((16, 112, 64), (64, 56, 64), (128, 28, 128), (256, 14, 512), (512, 7, 512))
_WINDOWS = ((3, 112, 32), (32, 56, 32), (64, 56, 64), (128, 28, 128), (256, 14, 256), (512, 7, 512))
#: Channels, side, stride of depthwise convolutions.
_DEPTHWISE = ((32, 112, 1), (96, 56, 1), (96, 112, 2), (240, 14, 1), (576, 14, 1), (960, 7, 1))
#: Elements of a tensor that is read and written once: from the innermost cache to memory.
_STREAMS = (2**10, 2**12, 2**14, 2**16, 2**18, 2**20, 2**22, 2**24)
_FUNCTIONS = ("Relu", "Sigmoid", "Tanh", "Exp", "Erf", "Sqrt")


def microbenchmarks() -> Iterator[Network]:
    """The networks, each of unconnected layers that run one after the other."""
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
        builder = builder.input(f"x{place}", (rows, inner)).dense(columns, bias=False)
    return builder.build()


def _convolutions(name: str, sizes: tuple[tuple[int, int, int], ...], kernel: int) -> Network:
    builder = Network.builder(name)
    for place, (channels, side, filters) in enumerate(sizes):
        builder = builder.input(f"x{place}", (1, channels, side, side)).conv(filters, kernel=kernel, bias=False)
    return builder.build()


def _depthwise() -> Network:
    builder = Network.builder("micro_depthwise")
    for place, (channels, side, stride) in enumerate(_DEPTHWISE):
        builder = builder.input(f"x{place}", (1, channels, side, side)).depthwise(stride=stride)
    return builder.build()


def _streams() -> Network:
    builder = Network.builder("micro_stream")
    for place, elements in enumerate(_STREAMS):
        builder = builder.input(f"x{place}", (1, elements)).relu()
    return builder.build()


def _functions() -> Network:
    builder = Network.builder("micro_functions")
    for op in _FUNCTIONS:
        for side in (32, 128, 512):
            builder = builder.input(f"{op.lower()}{side}_x", (side, side)).activation(op)
    for side in (32, 128, 512):
        builder = builder.input(f"softmax{side}_x", (side, side)).softmax()
        builder = builder.input(f"norm{side}_x", (side, side)).layer_norm()
        builder = builder.input(f"lrn{side}_x", (1, 16, side // 4, side // 4)).local_response()
        builder = builder.input(f"pool{side}_x", (1, 16, side // 2, side // 2)).pool(3, stride=2, padding=1)
        builder = builder.input(f"sum{side}_x", (side, side)).input(f"sum{side}_y", (side, side)).add(f"sum{side}_x")
    return builder.build()


def _dispatch() -> Network:
    builder = Network.builder("micro_dispatch").input("x", (1, 8))
    for _ in range(16):
        builder = builder.activation("Tanh").activation("Neg")
    return builder.build()
