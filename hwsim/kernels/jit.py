"""The one owner of the jit decorator, its flags, and the folder compiled kernels are cached in.

A compiled kernel holds its callees of other files, so the folder's name is a hash of every kernel
source, Numba's and Python's version and the switches that change code generation.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba._dispatcher import compute_fingerprint
from numba.core.types import Dispatcher, WrapperAddressProtocol
from numba.core.typing.typeof import typeof_impl
from numba.experimental import function_type  # noqa: F401  what makes a type of what is passed

from hwsim.kernels.compiled import keep, own
from hwsim.kernels.inside import Inside, Whole, once_for_all_constants

Function = TypeVar("Function", bound=Callable[..., Any])
_SWITCHES = ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_DEBUG_ARRAY_OPT")


def cache_root() -> Path:
    """hwsim's own cache folder: ``$HWSIM_CACHE_DIR``, else ``$XDG_CACHE_HOME/hwsim``, else ``~/.cache/hwsim``."""
    if "HWSIM_CACHE_DIR" in os.environ:
        return Path(os.environ["HWSIM_CACHE_DIR"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hwsim"


def _kernel_cache() -> str | None:
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:3]}".encode())
    for switch in _SWITCHES:
        digest.update(f"{switch}={os.environ.get(switch, '')}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    with contextlib.suppress(OSError, RuntimeError):
        folder = cache_root() / name
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return str(folder)
    with contextlib.suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"hwsim-{os.getuid() if hasattr(os, 'getuid') else ''}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if own(folder) and os.access(folder, os.W_OK):
            return str(folder)
    return None


_FOLDER = _kernel_cache()
if _FOLDER is not None and "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = _FOLDER  # type: ignore[attr-defined]


def kernel(function: Function) -> Function:
    """Compile for speed: cached on disk, releases the GIL, no fastmath (results must not depend on the machine)."""
    return _compiled(function, no_cfunc_wrapper=True)


def passed_kernel(function: Function) -> Function:
    """The same with a way in for kernels that it is ``passed`` to."""
    return _compiled(function)


def _compiled(function: Function, **flags: Any) -> Function:
    made = numba.njit(nogil=True, error_model="numpy", pipeline_class=Whole, **flags)(function)
    if _FOLDER is not None and made is not function:  # it is the function itself where Numba is switched off
        keep(made, _FOLDER)
    return cast(Function, made)


#: What a kernel says where one that was passed to it has written nothing: Numba prints an error of that and goes on.
FAILED = "a kernel that was passed has failed: its error is printed above"


class Passed(WrapperAddressProtocol):  # type: ignore[misc, unused-ignore]
    """A kernel that another one is given and calls where it lies: it need not be compiled once more with its caller.

    An error in it does not reach the caller, which finds zeros or what there was before, and should look (``FAILED``).
    """

    def __init__(self, compiled: Any, types: tuple[Any, ...]) -> None:
        compiled.compile(types)
        made = compiled.overloads[types]
        self._compiled, self._signature = compiled, made.signature
        self._address = int(made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name))

    def __call__(self, *arguments: Any) -> Any:
        """Call it from Python."""
        return self._compiled(*arguments)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        """Its type, as Numba has it."""
        return self._signature


_PASSED: dict[tuple[Any, Any], Passed] = {}


def passed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """A kernel as an argument of another, which will call it with arguments of these types."""
    if not hasattr(function, "py_func"):
        return function  # Numba is switched off
    kinds = compute_fingerprint(arguments)  # as good as their types, in a hundredth of the time
    if (function, kinds) not in _PASSED:
        types = tuple(numba.typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
        _PASSED[function, kinds] = Passed(function, types)
    return _PASSED[function, kinds]


def nested_kernel(function: Function) -> Function:
    """The same for what only kernels call: it needs no cache entry of its own."""
    return _inside(function)


def merged_kernel(function: Function) -> Function:
    """The same for the innermost ones, compiled into their caller and without counting references to arrays: counting took five times
    as long as the work of a mapping. Such a function cannot make arrays, nor return any."""
    return _inside(function, forceinline=True, _nrt=False)


def lean_kernel(function: Function) -> Function:
    """A nested kernel that makes and returns no arrays, and counts no references to those that it is given: a search is three times as
    fast without. Numba refuses to compile one that makes arrays, not one that returns some."""
    return _inside(function, _nrt=False)


class Nested:
    """A function that only kernels call. What Numba makes of it is made when one that calls it is compiled: of all of them it takes a
    hundredth of a start."""

    def __init__(self, function: Callable[..., Any], flags: dict[str, Any]) -> None:
        self.py_func, self._flags = function, flags
        update_wrapper(self, function)

    @cached_property
    def made(self) -> Any:
        """What Numba compiles."""
        # no way in from Python, which takes longer to compile than the rest, and no machine code of its own
        flags = self._flags | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": Inside}
        made = numba.njit(nogil=True, error_model="numpy", **flags)(self.py_func)
        once_for_all_constants(made)
        return made

    def __call__(self, *_: Any) -> Any:
        """There is no way in from Python."""
        raise TypeError(f"{self.py_func.__qualname__} is called by kernels alone; from Python call its py_func")


@typeof_impl.register(Nested)
def _type_of_nested(nested: Nested, _: object) -> Any:
    return Dispatcher(nested.made)


def _inside(function: Function, **flags: Any) -> Function:
    return function if numba.config.DISABLE_JIT else cast(Function, Nested(function, flags))  # type: ignore[attr-defined]
