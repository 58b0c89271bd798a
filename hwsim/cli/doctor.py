"""``hwsim doctor``: what is installed, where results are kept, how many threads there are."""

from __future__ import annotations

import argparse
import os
import platform

from hwsim.errors import with_extra

_CORE = ("numpy", "numba", "networkx", "onnx", "pydantic", "PyYAML", "rich")
#: Extra, what it is for, modules that it brings.
_EXTRAS = (
    ("report", "pages and pictures", ("altair", "vl_convert")),
    ("pandas", "data frames and Parquet", ("pandas", "pyarrow")),
    ("measure", "measuring this CPU", ("onnxruntime",)),
    ("search", "searches of large studies", ("pymoo",)),
    ("cluster", "studies on a cluster", ("distributed",)),
    ("completion", "shell completion", ("shtab",)),
)


def doctor(arguments: argparse.Namespace) -> int:
    """Print the state of the installation; 1 where something that hwsim needs is missing."""
    from importlib import metadata, util  # 30 ms that every command would wait for

    from hwsim.device import available
    from hwsim.kernels.jit import cache_root
    from hwsim.version import __version__

    missing = []
    print(f"hwsim {__version__}, Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    print(f"threads: {_threads()} may be used by this process; searches and studies use one unless told (--threads)")
    for name in _CORE:
        try:
            print(f"  {name:<12}{metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
            print(f"  {name:<12}missing")
    for extra, purpose, modules in _EXTRAS:
        lacking = [module for module in modules if util.find_spec(module) is None]
        state = "there" if not lacking else f"not there: {with_extra(extra)}"
        print(f"extra {extra:<12}{purpose}: {state}")
    print(f"profiles: {len(available())} shipped")
    _cache(cache_root())
    if missing:
        print(f"missing: {', '.join(missing)}: install hwsim again")
    return 1 if missing else 0


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cache(root: os.PathLike[str]) -> None:
    files = total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            files += 1
            total += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 - os.walk gives strings
    writable = os.access(root, os.W_OK) if os.path.isdir(root) else os.access(os.path.dirname(root) or ".", os.W_OK)  # noqa: PTH112, PTH120
    print(
        f"cache: {root}: {files} files, {total / 1e6:.1f} MB{'' if writable else ', cannot be written: kernels compile anew each time'}"
    )
