"""How functions that only kernels call are compiled: not by themselves, but with each kernel that calls them.

Numba optimizes every function and translates it for the machine, then does both again in each caller, for the caller holds a copy of what
it calls: of a function six calls down seven copies were optimized and one was used. Here a function is left as it was written until a
kernel that Python calls takes it in; the first kernels of a search compile in three quarters of the time. Those are optimized once, where
Numba does it twice to be rid of references that the kernels hardly count, which saves another eighth. Steps that find nothing in our
kernels are left out, and where variables live is found out once, not after each step: a fifth less again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from llvmlite.binding import Linkage, create_pass_builder, create_pipeline_tuning_options, ffi, parse_assembly
from numba.core import errors, lowering, typed_passes, typeinfer, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, Flags
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.targetconfig import ConfigStack
from numba.core.transforms import canonicalize_cfg
from numba.core.typed_passes import NativeLowering, NoPythonSupportedFeatureValidation
from numba.core.types import BaseFunction, Function, unliteral

#: Objects made since the last collection of garbage, of some hundred bytes each, from which on another is worth its time.
_MANY = 100_000
#: Blocks of a function up to which LLVM may move it into its callers.
_LONG = 24
#: How the names of those begin that Python calls.
_WAY_IN = "_ZN7cpython"


#: Steps of Numba's that our kernels have no use for (functions within functions, ``with``, list comprehensions made arrays, what is
#: unrolled or specialized on request, whole arrays in arithmetic): a kernel that had one would be refused or slower, never wrong.
_NOT_NEEDED = {
    typed_passes.DumpParforDiagnostics,
    typed_passes.NopythonRewrites,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.InlineClosureLikes,
    untyped_passes.InlineInlinables,
    untyped_passes.LiteralPropagationSubPipelinePass,
    untyped_passes.LiteralUnroll,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.WithLifting,
}


class _NoMachine:
    """Where a function's environment would be told to the machine's code, of which there is none."""

    def set_env(self, name: str, environment: object) -> None:
        """Nothing: what kernels call makes no Python objects."""


class _Unfinished(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """The code of a function as it was written, without what it calls, to be taken into others."""

    @property
    def codegen(self) -> Any:
        return _NoMachine()

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            for function in self._final_module.functions:
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr"
            self._shared_module = self._final_module
        return self._shared_module


class _Whole(JITCodeLibrary):  # type: ignore[misc, unused-ignore]
    """The code of a kernel with all that it calls, optimized once and briefly: its loops are short, to make vectors of them or to write
    them out takes a third more time and gains nothing.

    Nobody else calls what it calls, so LLVM leaves out arguments that are not read. Numba passes an array as seven numbers or more, to
    pass them took a third of the time of a climb. What is called in one place it would also move there, however long: that takes as much
    time again to compile and saves a tenth.
    """

    def finalize(self) -> None:
        self._linking_libraries = list(_called(self._linking_libraries, set()))
        super().finalize()  # type: ignore[no-untyped-call]

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        apart = _stays_apart()
        for function in self._final_module.functions:
            if function.is_declaration:
                continue
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = "internal"
                if apart and sum(1 for _ in function.blocks) > _LONG:
                    function.add_function_attribute("noinline")
            elif apart and function.name.startswith(_WAY_IN):
                # what takes Python's arguments apart is a sixth of the code, and runs once a call
                function.add_function_attribute("noinline")
                function.add_function_attribute("optnone")
        wanted = create_pipeline_tuning_options(speed_level=1)
        wanted.loop_vectorization = wanted.slp_vectorization = wanted.loop_unrolling = False
        builder = create_pass_builder(self._codegen._tm, wanted)
        passes = builder.getModulePassManager()
        passes.add_refprune_pass()
        passes.run(self._final_module, builder)

    def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
        """What is kept on disk: machine code, and instead of what it was made from the names that it is entered by. To read all of that
        takes a tenth of a second at each start, and no kernel calls another."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        functions = self._final_module.functions
        names = [one.name for one in functions if not one.is_declaration and one.linkage == Linkage.external]
        plain = parse_assembly("\n".join(f'@"{name}" = internal global i8 0' for name in names))
        return self.name, "object", (self._get_compiled_object(), plain.as_bitcode())  # type: ignore[no-untyped-call]


@cache
def _stays_apart() -> bool:
    """Whether LLVM can be told not to move a function into its callers: llvmlite 0.45 says it of what the function returns."""
    module = parse_assembly("define void @apart() { ret void }")
    module.get_function("apart").add_function_attribute("noinline")
    with suppress(RuntimeError):
        module.verify()
        return True
    return False


def _called(libraries: Iterable[Any], before: set[Any]) -> Iterator[Any]:
    """These and, once each, what those that are not finished call."""
    for library in libraries:
        if library not in before:
            before.add(library)
            yield library
            if isinstance(library, _Unfinished):
                yield from _called(library._linking_libraries, before)


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


class _Flags(Flags):  # type: ignore[misc, unused-ignore]
    """Numba's, told apart without making a table of all of them: it asks whether two are equal at each operation of a function."""

    def __eq__(self, other: object) -> bool:
        return (type(other) is _Flags and self._values == other._values) or bool(super().__eq__(other))  # type: ignore[no-untyped-call]

    def __hash__(self) -> int:
        return _HASH


#: As Numba has it: of the names, the same for all flags.
_HASH = hash(Flags())  # type: ignore[no-untyped-call]


#: What is known of calls of Numba's own functions: signature, and where its code is.
_KNOWN: dict[Any, tuple[Any, Any]] = {}


def _known_call(function: Any, context: Any, args: Any, kws: Any) -> Any:
    """The signature of a call of one of Numba's own functions, which finds it anew at each call: for ``+`` it tries a dozen ways."""
    flags = ConfigStack.top_or_none()  # type: ignore[no-untyped-call]
    if type(flags) is not _Flags:
        return BaseFunction.get_call_type(function, context, args, kws)
    code = flags.nrt, flags.error_model, flags.boundscheck, str(flags.fastmath)
    call = code, function, tuple(args), tuple(kws.items())
    if call not in _KNOWN:
        from hwsim.kernels.translated import ours  # with what Numba makes of arrays, which only compiling needs

        _KNOWN[call] = ours(function, context, args, kws, bool(flags.nrt))
    signature, way = _KNOWN[call]
    function._impl_keys[signature.args] = way
    return signature


#: What Numba does after most of its steps.
_ACCOUNT: Any = PostProcessor.run


def _short_account(processor: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """The same, but where variables live is found out where it is asked for, which is before the last step. Only generators and functions
    that run in Python ask what is alive where a block begins."""
    function, flags = processor.func_ir, ConfigStack.top_or_none()  # type: ignore[no-untyped-call]
    counts = type(flags) is not _Flags or flags.nrt  # references, which are let go of where a variable's life ends
    if (emit_dels and counts) or function.is_generator:
        _ACCOUNT(processor, emit_dels, extend_lifetimes)
        return
    function.blocks = canonicalize_cfg(function.blocks)  # type: ignore[no-untyped-call]
    function.variable_lifetime = VariableLifetime(function.blocks)  # type: ignore[no-untyped-call]
    function.generator_info = None


#: How Numba says where an error happened.
_WHERE: Any = vars(errors)["new_error_context"]


class _Where:
    """What Numba says of where an error happened: put into words where there is one. Its own makes a generator for each instruction."""

    __slots__ = ("_words",)

    def __init__(self, text: str, *arguments: Any, **names: Any) -> None:
        self._words = text, arguments, names

    def __enter__(self) -> None:
        """Begin what may fail."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            text, arguments, names = self._words
            with _WHERE(text, *arguments, **names):
                raise error


@contextmanager
def _knowing() -> Iterator[None]:
    """Have Numba remember what it found for calls of its own functions, keep its accounts short and tell nobody of each call of LLVM,
    for as long as kernels are compiled: it holds its lock then."""
    functions: Any = Function
    processors: Any = PostProcessor
    if "get_call_type" in vars(functions):
        yield
        return
    told: Any = ffi.lib._lock._cblist
    places: tuple[Any, ...] = lowering, typeinfer
    before = list(told)
    functions.get_call_type, processors.run = _known_call, _short_account
    told.clear()
    for place in places:
        place.new_error_context = _Where
    try:
        yield
    finally:
        del functions.get_call_type
        processors.run = _ACCOUNT
        told[:0] = before
        for place in places:
            place.new_error_context = _WHERE


class _Compiler(CompilerBase):  # type: ignore[misc, unused-ignore]
    _library: type[_Library]

    def __init__(
        self, typing: Any, target: Any, library: Any, args: Any, result: Any, flags: Any, variables: Any
    ) -> None:
        super().__init__(typing, target, library, args, result, _Flags(flags), variables)  # type: ignore[no-untyped-call]

    def define_pipelines(self) -> list[Any]:
        """Numba's own passes that kernels need, with a place for the code that is not finished, or is taken together."""
        from hwsim.kernels.variables import AsValues  # with what Numba makes of arrays, which only compiling needs

        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)  # type: ignore[no-untyped-call]
        passes.add_pass_after(self._library, NoPythonSupportedFeatureValidation)
        steps = [(step, why) for step, why in passes.passes if step not in _NOT_NEEDED]
        passes.passes = [(AsValues, why) if step is NativeLowering else (step, why) for step, why in steps]
        # no account of the whole function after each step: those that need one make their own
        passes._ENFORCING = False
        passes.finalize()
        return [passes]


class Inside(_Compiler):
    """How what only kernels call is compiled."""

    _library = _LeftUnfinished

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        made = super().compile_extra(func)  # type: ignore[no-untyped-call]
        if gc.get_count()[0] > _MANY:
            gc.collect()
            gc.freeze()
        return made


class Whole(_Compiler):
    """How what Python calls is compiled. Python's collector of garbage, a tenth of the time of a compilation, rests meanwhile, but where
    much has gathered, and then it looks at nothing from before."""

    _library = _AsAWhole

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        collects = gc.isenabled()
        gc.disable()
        ours = not gc.get_freeze_count()  # else somebody outside has put objects aside
        if ours:
            gc.freeze()
        try:
            with _knowing():
                return super().compile_extra(func)  # type: ignore[no-untyped-call]
        finally:
            if ours:
                gc.collect()
                gc.unfreeze()
            if collects:
                gc.enable()


def once_for_all_constants(compiled: Any) -> None:
    """Have one code of a function serve every constant that it is called with, where Numba compiles it for each."""
    fold = compiled._compiler.fold_argument_types

    def folded(args: Any, kws: Any) -> tuple[Any, tuple[Any, ...]]:
        signature, types = fold(args, kws)
        return signature, tuple(unliteral(one) for one in types)  # type: ignore[no-untyped-call]

    compiled._compiler.fold_argument_types = folded
