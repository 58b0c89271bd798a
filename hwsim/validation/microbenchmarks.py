"""Small networks that show one constant of a CPU each: products, convolutions, copies by cache level, functions, dispatch.

What is measured lies between two layers, as in a network: outputs of a network are put into fresh memory, whose pages cost more than the
work, and inputs were last touched a run ago. Layers named after ``ENDS`` begin and end each chain and are not fitted to. All but one of the
networks are small enough to stay in the caches from one run to the next; ``micro_cold`` has blocks of layers as networks have them behind a
matrix that no cache holds, so that weights and code come from further out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hwsim.graph import Network
from hwsim.graph.builder import Builder

#: How names of layers begin that only begin or end a chain.
ENDS = ("begin", "end")
#: The one of whose layers the runtime fuses some, as hwsim does.
FUSED = "micro_cold"
#: Rows, reduction and columns of matrix products: large, small, and one row against a matrix that no cache holds.
_PRODUCTS = ((64, 64, 64), (128, 128, 128), (128, 256, 128), (192, 384, 384), (384, 768, 768), (512, 512, 512))
_VECTORS = ((1, 256, 256), (1, 512, 1000), (1, 1024, 1024), (1, 2048, 1000), (1, 4096, 4096))
#: Channels, side, filters, stride of convolutions.
_POINTWISE = (
    (16, 112, 64, 1), (64, 56, 64, 1), (128, 28, 128, 1), (24, 56, 144, 1), (144, 28, 40, 1), (256, 28, 512, 2), (256, 14, 512, 1),
    (480, 13, 160, 1), (512, 7, 512, 1), (960, 7, 160, 1), (480, 1, 20, 1), (20, 1, 480, 1), (96, 1, 4, 1), (1152, 1, 48, 1),
)  # fmt: skip
#: Channels, side, filters, kernel, stride.
_WINDOWS = (
    (3, 112, 32, 3, 2), (3, 112, 64, 7, 2), (32, 56, 32, 3, 1), (64, 56, 64, 3, 1), (32, 28, 96, 5, 1), (128, 28, 128, 3, 2),
    (128, 28, 128, 3, 1), (128, 14, 32, 3, 1), (24, 13, 64, 5, 1), (256, 14, 256, 3, 1), (128, 7, 32, 3, 1), (192, 7, 320, 3, 1),
    (512, 7, 512, 3, 1),
)  # fmt: skip
#: Channels, side, kernel, stride of depthwise convolutions; one of them in no whole blocks of channels.
_DEPTHWISE = (
    (32, 112, 3, 1), (96, 56, 3, 1), (96, 112, 3, 2), (144, 28, 5, 2), (240, 14, 3, 1), (480, 14, 5, 1), (576, 14, 3, 1),
    (116, 14, 3, 1), (960, 7, 3, 1), (58, 28, 3, 1), (58, 56, 3, 2),
)  # fmt: skip
#: Channels, side, filters, groups of convolutions in groups; others whose channels are in no whole blocks.
_GROUPS = ((136, 28, 136, 4), (272, 14, 272, 4), (544, 7, 544, 4), (24, 56, 112, 4), (58, 28, 58, 1), (192, 14, 192, 2))
#: Elements of a tensor that is read and written once: from the inner caches to memory. Smaller ones take less than the profiler resolves.
_STREAMS = (2**14, 2**15, 2**16, 2**17, 2**18, 2**19, 2**20, 2**22)
_FUNCTIONS = ("Relu", "Sigmoid", "Tanh", "Exp", "Erf", "Sqrt")
#: Channels and side of tensors that are moved, pooled and normalized.
_IMAGES = ((32, 112), (96, 56), (256, 28), (128, 28), (512, 14), (232, 14), (512, 7), (1024, 7))
#: Features of the matrix behind which caches are cold: 64 MiB.
_FLUSH = 4096


def microbenchmarks() -> Iterator[Network]:
    """The networks, each of short chains of layers that run one after the other."""
    yield _matrices("micro_gemm", _PRODUCTS)
    yield _matrices("micro_gemv", _VECTORS)
    yield _pointwise()
    yield _windows()
    yield _depthwise()
    yield _groups("micro_groups", _GROUPS, bias=False)
    yield _groups("micro_biases", _GROUPS[:4], bias=True)
    yield _streams()
    yield _functions()
    yield _moves()
    yield _pools()
    yield _dispatch()
    yield _cold()


def _matrices(name: str, sizes: tuple[tuple[int, int, int], ...]) -> Network:
    builder = Network.builder(name)
    for place, (rows, inner, columns) in enumerate(sizes):
        builder = builder.input(f"x{place}", (rows, inner)).relu(name=f"begin{place}").dense(columns, bias=False)
        builder = builder.dense(1, bias=False, name=f"end{place}")
    return builder.build()


def _pointwise() -> Network:
    builder = Network.builder("micro_conv1x1")
    for place, (channels, side, filters, stride) in enumerate(_POINTWISE):
        builder = builder.input(f"x{place}", (1, channels, side, side))
        builder = builder.conv(filters, kernel=1, stride=stride, bias=False).global_pool(name=f"end{place}")
    return builder.build()


def _windows() -> Network:
    builder = Network.builder("micro_conv3x3")
    for place, (channels, side, filters, kernel, stride) in enumerate(_WINDOWS):
        builder = builder.input(f"x{place}", (1, channels, side, side))
        builder = builder.conv(filters, kernel=kernel, stride=stride, bias=False).global_pool(name=f"end{place}")
    return builder.build()


def _depthwise() -> Network:
    builder = Network.builder("micro_depthwise")
    for place, (channels, side, kernel, stride) in enumerate(_DEPTHWISE):
        builder = builder.input(f"x{place}", (1, channels, side, side)).conv(
            channels, kernel=1, bias=False, name=f"begin{place}"
        )
        builder = builder.depthwise(kernel=kernel, stride=stride).global_pool(name=f"end{place}")
    return builder.build()


def _groups(name: str, sizes: tuple[tuple[int, int, int, int], ...], bias: bool) -> Network:
    """Convolutions whose windows are gathered; with a bias they go over their results once more."""
    builder = Network.builder(name)
    for place, (channels, side, filters, groups) in enumerate(sizes):
        builder = _chain(builder.input(f"x{place}", (1, channels, side, side)), place)
        builder = builder.conv(filters, kernel=1 if groups != 2 else 3, groups=groups, bias=bias)
        builder = builder.global_pool(name=f"end{place}")
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
        image, plane = (1, 16, side // 4, side // 4), (1, 1, side, side)
        kinds: list[tuple[tuple[int, ...], Callable[[Builder], Builder]]] = [
            *((plane, lambda net, op=op: net.activation(op)) for op in _FUNCTIONS),
            (plane, lambda net: net.softmax()), (plane, lambda net: net.layer_norm()), (image, lambda net: net.local_response()),
            (plane, lambda net: net.gelu()), (plane, lambda net: net.add(net.current)),
        ]  # fmt: skip
        for shape, layer in kinds:
            builder = layer(_chain(builder.input(f"x{place}", shape), place)).global_pool(name=f"end{place}")
            place += 1
    for classes in (100, 1000):
        builder = _chain(builder.input(f"x{place}", (1, classes)), place).softmax().dense(1, name=f"end{place}")
        place += 1
    return builder.build()


def _moves() -> Network:
    """Tensors joined, shuffled, scaled by channel, normalized."""
    builder = Network.builder("micro_moves")
    for place, (channels, side) in enumerate(_IMAGES):
        shape = (1, channels, side, side)
        start = _chain(builder.input(f"x{place}", shape), place)
        first = start.current
        builder = start.activation("Neg", name=f"begin_other{place}").concat(first).global_pool(name=f"end_join{place}")
        builder = builder.input(f"n{place}", shape).activation("Neg", name=f"begin_norm{place}").batch_norm()
        builder = builder.global_pool(name=f"end_norm{place}")
        builder = builder.input(f"s{place}", (1, channels, 1, 1)).activation("Neg", name=f"begin_scale{place}")
        scale = builder.current
        builder = builder.input(f"m{place}", shape).activation("Neg", name=f"begin_mul{place}").mul(scale)
        builder = builder.global_pool(name=f"end_mul{place}")
        builder = builder.input(f"t{place}", (1, 2, channels // 2, side, side)).activation(
            "Neg", name=f"begin_turn{place}"
        )
        builder = builder.transpose(0, 2, 1, 3, 4).activation("Neg", name=f"end_turn{place}")
    return builder.build()


def _pools() -> Network:
    builder = Network.builder("micro_pools")
    for place, (channels, side) in enumerate(_IMAGES):
        for kind, kernel, stride in (("max", 3, 2), ("max", 3, 1), ("average", 3, 1), ("average", 2, 2)):
            name = f"{place}_{kind}{kernel}{stride}"
            builder = builder.input(f"x{name}", (1, channels, side, side)).conv(
                channels, kernel=1, bias=False, name=f"begin{name}"
            )
            builder = builder.pool(kernel, stride=stride, padding=kernel // 3, kind=kind)
            builder = builder.global_pool(name=f"end{name}")
        builder = builder.input(f"g{place}", (1, channels, side, side)).conv(
            channels, kernel=1, bias=False, name=f"begin_all{place}"
        )
        builder = builder.global_pool().flatten().dense(1, name=f"end_all{place}")
    return builder.build()


def _dispatch() -> Network:
    builder = Network.builder("micro_dispatch").input("x", (1, 8))
    for _ in range(16):
        builder = builder.activation("Tanh").activation("Neg")
    return builder.build()


def _cold() -> Network:
    """Residual, inverted and densely joined blocks, and classifiers, in front of a matrix that no cache holds."""
    builder = Network.builder(FUSED)
    for place, (channels, side) in enumerate(((64, 56), (128, 28), (256, 14), (512, 7))):
        builder = builder.input(f"r{place}", (1, channels, side, side)).conv(channels, kernel=1, name=f"begin_r{place}")
        start = builder.current
        builder = builder.conv(channels // 2, kernel=1).relu().conv(channels // 2).relu().conv(channels, kernel=1)
        builder = builder.add(start).relu().global_pool().flatten().dense(1000).softmax(name=f"end_r{place}")
    for place, (channels, side, kernel) in enumerate(((24, 56, 3), (40, 28, 5), (80, 14, 3), (192, 7, 5))):
        wide = 6 * channels
        builder = builder.input(f"i{place}", (1, channels, side, side)).conv(channels, kernel=1, name=f"begin_i{place}")
        start = builder.current
        builder = builder.conv(wide, kernel=1).relu().depthwise(kernel=kernel).relu()
        spread = builder.current
        builder = builder.global_pool().conv(max(4, wide // 24), kernel=1).relu().conv(wide, kernel=1).sigmoid()
        builder = builder.mul(spread).conv(channels, kernel=1).add(start).global_pool(name=f"end_i{place}")
    for place, (channels, side) in enumerate(((128, 56), (256, 28), (512, 14), (512, 7))):
        builder = builder.input(f"d{place}", (1, channels, side, side)).conv(channels, kernel=1, name=f"begin_d{place}")
        start = builder.current
        builder = builder.conv(128, kernel=1).relu().conv(32).concat(start).batch_norm().relu()
        builder = builder.pool(2, stride=2, kind="average").global_pool(name=f"end_d{place}")
    builder = builder.input("f", (1, _FLUSH)).relu(name="begin_flush").dense(_FLUSH, bias=False, name="end_flush")
    return builder.relu(name="end").build()
