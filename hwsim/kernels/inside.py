"""How functions that only kernels call are compiled: not by themselves, but with each kernel that calls them.

Numba optimizes every function and translates it for the machine, then does both again in each caller, for the caller holds a copy of what
it calls: of a function six calls down seven copies were optimized and one was used. Here a function is left as it was written until a
kernel that Python calls takes it in; the first kernels of a search compile in three quarters of the time.
"""

from __future__ import annotations

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


@register_pass(mutates_CFG=False, analysis_only=False)  # type: ignore[no-untyped-call]
class _LeftUnfinished(FunctionPass):  # type: ignore[misc, unused-ignore]
    _name = "left_unfinished"

    def __init__(self) -> None:
        FunctionPass.__init__(self)  # type: ignore[no-untyped-call]

    def run_pass(self, state: Any) -> bool:
        state.library = _Unfinished(state.targetctx.codegen(), state.func_id.func_qualname)  # type: ignore[no-untyped-call]
        return True


class Inside(CompilerBase):  # type: ignore[misc, unused-ignore]
    """Numba's own passes, with a place for the code that is not finished."""

    def define_pipelines(self) -> list[Any]:
        """The one pipeline."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)  # type: ignore[no-untyped-call]
        passes.add_pass_after(_LeftUnfinished, NoPythonSupportedFeatureValidation)
        passes.finalize()
        return [passes]
