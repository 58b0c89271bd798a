"""How functions that only kernels call are compiled: not by themselves, but with each kernel that calls them.

Numba optimizes every function and translates it for the machine, then does both again in each caller, for the caller holds a copy of what
it calls: of a function six calls down seven copies were optimized and one was used. Here a function is left as it was written until a
kernel that Python calls takes it in; the first kernels of a search compile in three quarters of the time. Those are optimized once, where
Numba does it twice to be rid of references that the kernels hardly count, which saves another eighth.
"""

from __future__ import annotations

import gc
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NoPythonSupportedFeatureValidation


class _NoMachine:
    """Where a function's environment would be told to the machine's code, of which there is none."""

    def set_env(self, name: str, environment: object) -> None:
        """Nothing: what kernels call makes no Python objects."""


class _Unfinished(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """The code of a function as it was written, to be taken into others."""

    @property
    def codegen(self) -> Any:
        return _NoMachine()

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True


class _Whole(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """The code of a kernel with all that it calls, optimized once, and not for vectors: its loops are short."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager(opt=2, loop_vectorize=False, slp_vectorize=False)  # type: ignore[no-untyped-call]
        passes.run(self._final_module, builder)


class _Library(FunctionPass):  # type: ignore[misc, unused-ignore]
    """Has the code of a function go into a library of some class."""

    _library: type[JITCodeLibrary]

    def __init__(self) -> None:
        FunctionPass.__init__(self)  # type: ignore[no-untyped-call]

    def run_pass(self, state: Any) -> bool:
        state.library = self._library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return True


@register_pass(mutates_CFG=False, analysis_only=False)  # type: ignore[no-untyped-call]
class _LeftUnfinished(_Library):
    _name, _library = "left_unfinished", _Unfinished


@register_pass(mutates_CFG=False, analysis_only=False)  # type: ignore[no-untyped-call]
class _AsAWhole(_Library):
    _name, _library = "as_a_whole", _Whole


def _with(library: type[_Library], state: Any) -> list[Any]:
    passes = DefaultPassBuilder.define_nopython_pipeline(state)  # type: ignore[no-untyped-call]
    passes.add_pass_after(library, NoPythonSupportedFeatureValidation)
    passes.finalize()
    return [passes]


class Inside(CompilerBase):  # type: ignore[misc, unused-ignore]
    """Numba's own passes, with a place for the code that is not finished."""

    def define_pipelines(self) -> list[Any]:
        """The one pipeline."""
        return _with(_LeftUnfinished, self.state)


class Whole(CompilerBase):  # type: ignore[misc, unused-ignore]
    """The same for what Python calls. Python's collector of garbage, a tenth of the time of a compilation, rests meanwhile."""

    def define_pipelines(self) -> list[Any]:
        """The one pipeline."""
        return _with(_AsAWhole, self.state)

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        collects = gc.isenabled()
        gc.disable()
        try:
            return super().compile_extra(func)  # type: ignore[no-untyped-call]
        finally:
            if collects:
                gc.enable()
