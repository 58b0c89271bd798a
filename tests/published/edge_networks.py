"""Networks of the embedded tables, layer by layer from their papers. Batch norms are folded into the convolutions, as when deployed.

Each function names the paper. MACs are compared with those that the papers or the tables state.
"""

from __future__ import annotations

from hwsim.graph import Network
from hwsim.graph.builder import Builder


def _start(name: str, channels: int, size: int, width: int = 0, batch: int = 1) -> Builder:
    return Network.builder(name).input("image", (batch, channels, size, width or size))


def _conv(
    net: Builder,
    filters: int,
    kernel: int | tuple[int, int] = 3,
    stride: int = 1,
    padding: str | int = "same",
    act: str = "Relu",
) -> Builder:
    net = net.conv(filters, kernel=kernel, stride=stride, padding=padding)
    return net.activation(act) if act else net


def _head(net: Builder, classes: int) -> Builder:
    return net.global_pool().flatten().dense(classes)


def _multiple(channels: float, divisor: int = 8) -> int:
    """Channels after a width multiplier, as the MobileNet papers' code rounds them: to a multiple of 8, never below 90 %."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


#: Filters and stride of MobileNet V1's blocks.
_MOBILENET_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def mobilenet_v1(width: float = 1.0, size: int = 224, classes: int = 1001) -> Network:
    """Howard et al., arXiv:1704.04861, Table 1."""
    net = _conv(_start("mobilenet_v1", 3, size), _multiple(32 * width), 3, 2)
    for filters, stride in _MOBILENET_V1:
        net = net.depthwise(stride=stride).relu()
        net = _conv(net, _multiple(filters * width), 1)
    return _head(net, classes).build()


def ssd_mobilenet_v1(batch: int = 1) -> Network:
    """Liu et al., SSD, arXiv:1512.02325, on MobileNet V1 as in MLPerf inference: 300 x 300, six maps, 91 classes, post-processing apart."""
    net = _conv(_start("ssd_mobilenet_v1", 3, 300, 0, batch), 32, 3, 2)
    maps = []
    for place, (filters, stride) in enumerate(_MOBILENET_V1):
        net = _conv(net.depthwise(stride=stride).relu(), filters, 1)
        if place in (10, 12):
            maps.append(net.current)
    for narrow, filters in ((256, 512), (128, 256), (128, 256), (64, 128)):
        net = _conv(_conv(net, narrow, 1), filters, 3, 2)
        maps.append(net.current)
    for place, name in enumerate(maps):
        boxes = 6 if place else 3
        net = net.at(name).conv(4 * boxes, kernel=1).at(name).conv(91 * boxes, kernel=1)
    return net.build()


def mobilenet_v2(width: float = 1.0, size: int = 224, classes: int = 1001) -> Network:
    """Sandler et al., arXiv:1801.04381, Table 2."""
    channels = _multiple(32 * width)
    net = _conv(_start("mobilenet_v2", 3, size), channels, 3, 2)
    for expand, filters, count, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for place in range(count):
            net, channels = _inverted(net, channels, _multiple(filters * width), expand, 3, stride if place == 0 else 1)
    return _head(_conv(net, _multiple(1280 * max(1.0, width)), 1), classes).build()


def _inverted(
    net: Builder,
    channels: int,
    filters: int,
    expand: int,
    kernel: int,
    stride: int,
    fused: bool = False,
    squeeze: int = 0,
    act: str = "Relu",
) -> tuple[Builder, int]:
    """An inverted bottleneck; fused: its expansion and depthwise convolution are one dense convolution (EfficientNet-EdgeTPU)."""
    start = net.current
    if fused:
        # the published code strides in the projection
        net = _conv(net, channels * expand, kernel, act=act)
    else:
        if expand != 1:
            net = _conv(net, channels * expand, 1, act=act)
        net = net.depthwise(kernel=kernel, stride=stride).activation(act)
    if squeeze:
        inner = net.current
        net = net.global_pool()
        net = _conv(net, squeeze, 1, act=act)
        net = _conv(net, channels * expand, 1, act="Sigmoid").mul(inner)
    net = net.conv(filters, kernel=1, stride=stride if fused else 1)
    if stride == 1 and channels == filters:
        net = net.add(start)
    return net, filters


def efficientnet_edgetpu(variant: str) -> Network:
    """Gupta and Akin, arXiv:2003.02838; the blocks are those of the published code's default (EfficientNet-EdgeTPU-S) and scaling."""
    width, depth, size = {"s": (1.0, 1.0, 224), "m": (1.0, 1.1, 240), "l": (1.2, 1.4, 300)}[variant]
    channels = _multiple(32 * width)
    net = _conv(_start(f"efficientnet_edgetpu_{variant}", 3, size), channels, 3, 2)
    # the code expands the first block from 24 channels, not from the stem's 32: to 96
    stages = (
        (3, 24, 1, 1, 3, True),
        (8, 32, 2, 2, 3, True),
        (8, 48, 4, 2, 3, True),
        (8, 96, 5, 2, 3, False),
        (8, 144, 4, 1, 5, False),
        (8, 192, 2, 2, 5, False),
    )
    for expand, filters, count, stride, kernel, fused in stages:
        for place in range(-int(-count * depth // 1)):
            net, channels = _inverted(
                net, channels, _multiple(filters * width), expand, kernel, stride if place == 0 else 1, fused
            )
    return _head(_conv(net, _multiple(1280 * width), 1), 1000).build()


def efficientnet_b0(size: int = 224) -> Network:
    """Tan and Le, arXiv:1905.11946, Table 1."""
    channels = 32
    net = _conv(_start("efficientnet_b0", 3, size), channels, 3, 2, act="Sigmoid")
    stages = (
        (1, 16, 1, 1, 3),
        (6, 24, 2, 2, 3),
        (6, 40, 2, 2, 5),
        (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    )
    for expand, filters, count, stride, kernel in stages:
        for place in range(count):
            net, channels = _inverted(
                net,
                channels,
                filters,
                expand,
                kernel,
                stride if place == 0 else 1,
                squeeze=max(1, channels // 4),
                act="Sigmoid",
            )
    return _head(_conv(net, 1280, 1, act="Sigmoid"), 1000).build()


def mnasnet(size: int = 224) -> Network:
    """Tan et al., arXiv:1807.11626: MnasNet-B1 of the published code."""
    net = _conv(_start("mnasnet", 3, size), 32, 3, 2)
    net = net.depthwise().relu().conv(16, kernel=1)
    channels = 16
    for expand, filters, count, stride, kernel in (
        (3, 24, 3, 2, 3),
        (3, 40, 3, 2, 5),
        (6, 80, 3, 2, 5),
        (6, 96, 2, 1, 3),
        (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    ):
        for place in range(count):
            net, channels = _inverted(net, channels, filters, expand, kernel, stride if place == 0 else 1)
    return _head(_conv(net, 1280, 1), 1000).build()


def mobilenet_v3_large(size: int = 224) -> Network:
    """Howard et al., arXiv:1905.02244, Table 1."""
    net = _conv(_start("mobilenet_v3", 3, size), 16, 3, 2)
    channels = 16
    rows = (
        (3, 16, 16, 0, 1),
        (3, 64, 24, 0, 2),
        (3, 72, 24, 0, 1),
        (5, 72, 40, 1, 2),
        (5, 120, 40, 1, 1),
        (5, 120, 40, 1, 1),
        (3, 240, 80, 0, 2),
        (3, 200, 80, 0, 1),
        (3, 184, 80, 0, 1),
        (3, 184, 80, 0, 1),
        (3, 480, 112, 1, 1),
        (3, 672, 112, 1, 1),
        (5, 672, 160, 1, 2),
        (5, 960, 160, 1, 1),
        (5, 960, 160, 1, 1),
    )
    for kernel, inner, filters, squeeze, stride in rows:
        start = net.current
        if inner != channels:
            net = _conv(net, inner, 1)
        net = net.depthwise(kernel=kernel, stride=stride).relu()
        if squeeze:
            here = net.current
            net = net.global_pool()
            net = _conv(net, _multiple(inner / 4), 1)
            net = _conv(net, inner, 1, act="Sigmoid").mul(here)
        net = net.conv(filters, kernel=1)
        if stride == 1 and channels == filters:
            net = net.add(start)
        channels = filters
    net = _conv(net, 960, 1).global_pool()
    return _conv(net, 1280, 1).flatten().dense(1000).build()


def _bottleneck(net: Builder, filters: int, stride: int, out: int, project: bool, strided: int) -> Builder:
    start = net.current
    net = _conv(net, filters, 1, stride if strided == 1 else 1)
    net = _conv(net, filters, 3, stride if strided == 3 else 1)
    net = net.conv(out, kernel=1)
    if project:
        main = net.current
        net = net.at(start).conv(out, kernel=1, stride=stride).add(main)
    else:
        net = net.add(start)
    return net.relu()


def resnet(
    depth: int = 50, size: int = 224, strided: int = 1, classes: int = 1000, width: int = 0, batch: int = 1
) -> Network:
    """He et al., arXiv:1512.03385, Table 1. strided : kernel of the convolution that strides, 1 as in the paper, 3 in later code (v1.5)."""
    counts = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}[depth]
    net = _conv(_start(f"resnet{depth}", 3, size, width, batch), 64, 7, 2).pool(3, stride=2, padding=1)
    for stage, count in enumerate(counts):
        filters = 64 << stage
        for place in range(count):
            stride = 2 if stage and place == 0 else 1
            if depth < 50:
                start = net.current
                net = _conv(net, filters, 3, stride).conv(filters, kernel=3)
                if stride == 2:
                    main = net.current
                    net = net.at(start).conv(filters, kernel=1, stride=2).add(main).relu()
                else:
                    net = net.add(start).relu()
            else:
                net = _bottleneck(net, filters, stride, 4 * filters, place == 0, strided)
    return _head(net, classes).build()


def vgg(depth: int = 16, size: int = 224) -> Network:
    """Simonyan and Zisserman, arXiv:1409.1556, Table 1."""
    counts = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}[depth]
    net = _start(f"vgg{depth}", 3, size)
    for stage, count in enumerate(counts):
        for _ in range(count):
            net = _conv(net, min(512, 64 << stage), 3)
        net = net.pool(2, stride=2)
    return net.flatten().dense(4096).relu().dense(4096).relu().dense(1000).build()


def _inception(
    net: Builder, one: int, three: tuple[int, int], five: tuple[int, int], pool: int, kernel: int = 5
) -> Builder:
    start = net.current
    first = _conv(net, one, 1).current
    second = _conv(_conv(net.at(start), three[0], 1), three[1], 3).current
    third = _conv(_conv(net.at(start), five[0], 1), five[1], kernel).current
    net = _conv(net.at(start).pool(3, stride=1, padding=1), pool, 1)
    last = net.current
    return net.at(first).concat(second, third, last)


def inception_v1(size: int = 224, kernel: int = 5, normalized: bool = False, batch: int = 1) -> Network:
    """Szegedy et al., arXiv:1409.4842, Table 1. kernel : of the 5x5 branch, which later code makes 3; normalized : the paper's local
    response normalization, which code with batch norms leaves out."""
    net = _conv(_start("inception_v1", 3, size, batch=batch), 64, 7, 2).pool(3, stride=2, padding=1)
    net = net.local_response() if normalized else net
    net = _conv(_conv(net, 64, 1), 192, 3)
    net = (net.local_response() if normalized else net).pool(3, stride=2, padding=1)
    rows: tuple[tuple[int, tuple[int, int], tuple[int, int], int] | None, ...] = (
        (64, (96, 128), (16, 32), 32),
        (128, (128, 192), (32, 96), 64),
        None,
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
        None,
        (256, (160, 320), (32, 128), 128),
        (384, (192, 384), (48, 128), 128),
    )
    for row in rows:
        net = net.pool(3, stride=2, padding=1) if row is None else _inception(net, *row, kernel=kernel)
    return _head(net, 1000).build()


def squeezenet(size: int = 224) -> Network:
    """Iandola et al., arXiv:1602.07360; version 1.1 of its code."""
    net = _conv(_start("squeezenet", 3, size), 64, 3, 2, "valid").pool(3, stride=2)
    for place, (squeeze, expand) in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    ):
        if place in (2, 4):
            net = net.pool(3, stride=2)
        net = _conv(net, squeeze, 1)
        start = net.current
        one = _conv(net, expand, 1).current
        net = _conv(net.at(start), expand, 3)
        net = net.concat(one)
    return _conv(net, 1000, 1).global_pool().build()


def alexnet() -> Network:
    """Krizhevsky et al., NIPS 2012, section 3.5: two groups, and local response normalization."""
    net = _conv(_start("alexnet", 3, 227), 96, 11, 4, "valid").local_response().pool(3, stride=2)
    net = net.conv(256, kernel=5, groups=2).relu().local_response().pool(3, stride=2)
    net = _conv(net, 384, 3).conv(384, kernel=3, groups=2).relu().conv(256, kernel=3, groups=2).relu().pool(3, stride=2)
    return net.flatten().dense(4096).relu().dense(4096).relu().dense(1000).build()


def inception_v3(size: int = 299) -> Network:
    """Szegedy et al., arXiv:1512.00567, Table 1 and Figures 5 to 7, in the widths of the published code."""
    net = _conv(_start("inception_v3", 3, size), 32, 3, 2, "valid")
    net = _conv(_conv(net, 32, 3, 1, "valid"), 64, 3).pool(3, stride=2)
    net = _conv(_conv(net, 80, 1, 1, "valid"), 192, 3, 1, "valid").pool(3, stride=2)

    def branches(
        net: Builder, *paths: tuple[tuple[int, int | tuple[int, int]], ...], pool: int = 0, stride: int = 1
    ) -> Builder:
        start = net.current
        ends = []
        for path in paths:
            net = net.at(start)
            for place, (filters, kernel) in enumerate(path):
                last = place == len(path) - 1 and stride == 2
                net = _conv(net, filters, kernel, 2 if last else 1, "valid" if last else "same")
            ends.append(net.current)
        net = net.at(start)
        net = _conv(net.pool(3, stride=1, padding=1), pool, 1) if pool else net.pool(3, stride=2)
        return net.concat(*ends)

    for pool in (32, 64, 64):
        net = branches(net, ((64, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)), pool=pool)
    net = branches(net, ((384, 3),), ((64, 1), (96, 3), (96, 3)), stride=2)
    for width in (128, 160, 160, 192):
        net = branches(
            net,
            ((192, 1),),
            ((width, 1), (width, (1, 7)), (192, (7, 1))),
            ((width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7))),
            pool=192,
        )
    net = branches(net, ((192, 1), (320, 3)), ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)), stride=2)
    for _ in range(2):
        start = net.current
        first = _conv(net, 320, 1).current
        ends = []
        for path in (((384, 1),), ((448, 1), (384, 3))):
            net = net.at(start)
            for filters, kernel in path:
                net = _conv(net, filters, kernel)
            fork = net.current
            ends += [_conv(net.at(fork), 384, kernel).current for kernel in ((1, 3), (3, 1))]
        net = _conv(net.at(start).pool(3, stride=1, padding=1), 192, 1).concat(first, *ends)
    return _head(net, 1000).build()


def dense_autoencoder() -> Network:
    """MLPerf Tiny, anomaly detection: Banbury et al., arXiv:2106.07597."""
    net = Network.builder("ad").input("spectrum", (1, 640))
    for width in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        net = net.dense(width).relu()
    return net.dense(640).build()


def resnet_8() -> Network:
    """MLPerf Tiny, image classification: Banbury et al., arXiv:2106.07597."""
    net = _conv(_start("ic", 3, 32), 16)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        start = net.current
        net = _conv(net, filters, 3, stride).conv(filters, kernel=3)
        main = net.current
        net = (net.at(start).conv(filters, kernel=1, stride=2).add(main) if stride == 2 else net.add(start)).relu()
    return _head(net, 10).build()


def ds_cnn() -> Network:
    """MLPerf Tiny, keyword spotting: Banbury et al., arXiv:2106.07597."""
    net = _conv(_start("kws", 1, 49, 10), 64, (10, 4), 2)
    for _ in range(4):
        net = _conv(net.depthwise().relu(), 64, 1)
    return _head(net, 12).build()


def mlp(width: int, batch: int = 1) -> Network:
    """QuTiBench's MLP on MNIST: three hidden layers; 2048 wide before pruning."""
    net = Network.builder("mlp").input("image", (batch, 784))
    for _ in range(3):
        net = net.dense(width).relu()
    return net.dense(10).build()


def cnv(share: float, batch: int = 1) -> Network:
    """QuTiBench's CNV on CIFAR-10 (Umuroglu et al., FINN, FPGA 2017, twice as wide before pruning)."""
    widths = [int(width * share) for width in (128, 256, 512, 1024)]
    net = Network.builder("cnv").input("image", (batch, 3, 32, 32))
    for width in widths[:3]:
        net = _conv(_conv(net, width, 3, 1, "valid"), width, 3, 1, "valid")
        if width != widths[2]:
            net = net.pool(2, stride=2)
    return net.flatten().dense(widths[3]).relu().dense(widths[3]).relu().dense(10).build()
