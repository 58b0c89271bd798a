"""Compiled kernels on disk: a file for each signature, named by what it holds, under a checksum.

Numba's own cache keeps an index that processes on a cold cache overwrite for each other (one's signature then leads to another's code),
believes a damaged file, and fails where the disk is full. Here nothing is shared but whole files, one that does not match its checksum is
compiled anew, and a folder that cannot be written is no reason to fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys
from numba.core.serialize import dumps

from hwsim.writing import whole

_DIGEST = hashlib.sha256().digest_size


class Files:
    """The files of one function, where Numba's cache expects an index and its data."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def load(self, key: Any) -> Any:
        """What was saved under a key, None where there is nothing, or nothing whole."""
        try:
            data = self._file(key).read_bytes()
        except OSError:
            return None
        digest, body = data[:_DIGEST], data[_DIGEST:]
        return pickle.loads(body) if digest == hashlib.sha256(body).digest() else None

    def save(self, key: Any, data: Any) -> None:
        """Keep the code of one signature, where the folder takes it."""
        body = dumps(data)  # type: ignore[no-untyped-call]
        with contextlib.suppress(OSError), whole(self._file(key)) as partial:
            partial.write_bytes(hashlib.sha256(body).digest() + body)

    def _file(self, key: Any) -> Path:
        return self._folder / f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.kernel"


class _Kept(FunctionCache):  # type: ignore[misc, unused-ignore]
    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file: Any = Files(folder, f"{function.__module__}.{function.__qualname__}")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was saved for a signature. Numba reads all that compilations look things up in first, a quarter of a second; to run code
        takes no more than its runtime."""
        rtsys.initialize(target_context)
        return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]

    def _save_overload(self, sig: Any, data: Any) -> None:
        """Environments hold what a function needs of Python. Those of Numba's own in which there is nothing are not kept: to read one
        loads its module, which only compiling needs, a thirtieth of a start."""
        if self._enabled and self._impl.check_cachable(data):
            key = self._index_key(sig, data.codegen)  # type: ignore[no-untyped-call]
            *rest, environments = self._impl.reduce(data)
            ours = (one for one in environments if one.consts or not one.globals["__name__"].startswith("numba."))
            self._cache_file.save(key, (*rest, tuple(ours)))


def keep(compiled: Any, folder: str) -> None:
    """Have a compiled function look for its code in a folder, and leave it there."""
    with contextlib.suppress(RuntimeError):  # Numba finds no folder that it could write
        compiled._cache = _Kept(compiled.py_func, Path(folder))


def own(folder: Path) -> bool:
    """Whether only this user can have written to a folder, in a place where others may: what it holds is run."""
    there = folder.lstat()
    return not hasattr(os, "getuid") or (there.st_uid == os.getuid() and not there.st_mode & 0o022)
