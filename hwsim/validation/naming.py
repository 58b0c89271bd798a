"""What runtimes call the nodes that they have fused, and which names of the file may be behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Operators that a runtime inserts for itself: changes of layout, copies between memories.
OVERHEAD_OPS = frozenset({"ReorderInput", "ReorderOutput", "MemcpyFromHost", "MemcpyToHost"})

_OVERHEAD = re.compile(
    r"reformat|CopyNode|^Reorder(Input|Output)|^Memcpy(From|To)Host|^InsertedPrecisionFreeCast|^MemcpyTransformer"
)
_SPLIT = re.compile(r"\s+\+\s+|\s+\|\|\s+")
_FOREIGN = re.compile(r"\{ForeignNode\[(?P<first>.+?)\.\.\.(?P<last>.+?)\]\}")
_POINTWISE = re.compile(r"^(?:PWN|PointWise)\((?P<inner>.*)\)$")
_SUFFIXES = (
    re.compile(r"_nchwc$"),
    re.compile(r"_(bn|mul)_nchwc$"),
    re.compile(r"_kernel_time$"),
    re.compile(r"/\w+Fusion\w*/?$"),
    re.compile(r"_token_\d+$"),
    re.compile(r"_quant(ized)?$"),
)
_PREFIXES = (re.compile(r"^fused[ _]", re.IGNORECASE),)


def is_overhead(name: str, op: str = "") -> bool:
    """Whether a runtime put the node in for itself: it belongs to no layer of the network."""
    return op in OVERHEAD_OPS or bool(_OVERHEAD.search(name))


def parts(name: str) -> tuple[str, ...]:
    """The nodes that a fused name lists: TensorRT joins them by ``+``, ``||``, ``PWN(a, b)`` or ``{ForeignNode[first...last]}``."""
    found: list[str] = []
    for piece in _SPLIT.split(name.strip()):
        foreign, pointwise = _FOREIGN.fullmatch(piece), _POINTWISE.match(piece)
        if foreign:
            found += [foreign["first"], foreign["last"]]
        elif pointwise:
            found += [inner for part in pointwise["inner"].split(", ") for inner in parts(part)]
        else:
            found.append(piece)
    return tuple(dict.fromkeys(piece for piece in found if piece))


def candidates(name: str) -> tuple[str, ...]:
    """Names of the file that a runtime's name may stand for, the likeliest first: as it is, then with the runtime's marks taken off.

    onnxruntime calls a convolution in blocked layout after the tensor that it writes and ``_nchwc`` (one that stands for a batch norm or a
    scaling by channel: ``_bn_nchwc``, ``_mul_nchwc``), one fused with its activation
    ``fused`` and the name of the first, others after the first node and the name of the fusion; numbers make new names unique.
    """
    found = [name]
    for _ in range(3):
        found += [shorter for known in list(found) for shorter in _stripped(known) if shorter and shorter not in found]
    return tuple(dict.fromkeys(found))


def _stripped(name: str) -> Iterable[str]:
    for pattern in (*_SUFFIXES, *_PREFIXES):
        yield pattern.sub("", name)
