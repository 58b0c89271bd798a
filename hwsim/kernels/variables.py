"""How a kernel's variables are kept while it is compiled: as values wherever that can be, not in memory.

Numba reserves memory for each variable that another block of the function reads, reads it before each assignment to let go of what it
held, and clears it where the variable's life ends. LLVM finds out that nearly all of it is for nothing; that was a third of its work.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from llvmlite.ir import Constant, Ret
from numba.core.cgutils import do_boundscheck, get_item_pointer2, unpack_tuple
from numba.core.compiler_machinery import register_pass
from numba.core.ir import Arg, Assign
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering
from numba.core.types import Array, Boolean, Dispatcher, Number, Pair, RangeIteratorType, RangeType, UniTuple, intp
from numba.np.arrayobj import load_item, store_item

from hwsim.kernels.building import Builder, sweep
from hwsim.kernels.translated import OURS, begun, gone_on

_OF_A_PAIR = "pair_first", "pair_second"
_SHORT = {"getattr", "getiter", "iternext", *_OF_A_PAIR}
#: What a function's code is where it is done: 0, or -2 where it returns nothing. Errors are above 0, or -1.
_FINE, _FAILED = (0, -2), ((">", 0), ("==", -1))
#: Functions that cannot end in an error, by name.
_NEVER_FAIL: set[str] = set()


class _Lower(Lower):  # type: ignore[misc, unused-ignore]
    """Numba's, for variables that hold no counted references: what is assigned in one place is a value from there on, for Numba has made
    sure that all that read it come after (its SSA form), and nothing is let go of.

    Arguments are such variables, too: whoever calls holds what is given until the function returns.
    """

    _given: frozenset[str] = frozenset()
    _takes_argument = False

    def _find_singly_assigned_variable(self) -> None:
        super()._find_singly_assigned_variable()  # type: ignore[no-untyped-call]
        if self.func_ir.func_id.is_generator:
            return
        every = [one for block in self.blocks.values() for one in block.find_insts(Assign)]
        times = Counter(one.target.name for one in every)
        self._given = frozenset(
            one.target.name for one in every if isinstance(one.value, Arg) and times[one.target.name] == 1
        )
        self._singly_assigned_vars |= {name for name, number in times.items() if number == 1 and self._is_plain(name)}

    def setup_function(self, fndesc: Any) -> None:
        """Begin a function."""
        self.context.install_registry(OURS)
        super().setup_function(fndesc)  # type: ignore[no-untyped-call]
        self.builder = Builder(self.entry_block)
        self.call_helper = self.call_conv.init_call_helper(self.builder)

    def lower_normal_function(self, fndesc: Any) -> None:
        """Translate a function."""
        super().lower_normal_function(fndesc)  # type: ignore[no-untyped-call]
        sweep(self.function)
        ends = [block.terminator for block in self.function.blocks]
        codes = [end.operands[0] for end in ends if isinstance(end, Ret)]
        if all(isinstance(code, Constant) and code.constant in _FINE for code in codes):
            _NEVER_FAIL.add(fndesc.mangled_name)

    def lower_assign(self, ty: Any, inst: Any) -> Any:
        """What is to be assigned."""
        self._takes_argument = inst.target.name in self._given
        try:
            return super().lower_assign(ty, inst)  # type: ignore[no-untyped-call]
        finally:
            self._takes_argument = False

    def incref(self, typ: Any, val: Any) -> None:
        """Hold what a variable is given."""
        if not self._takes_argument:
            super().incref(typ, val)  # type: ignore[no-untyped-call]

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        """What an operation makes."""
        made = self._shortly(resty, expr) if expr.op in _SHORT else None
        return super().lower_expr(resty, expr) if made is None else made  # type: ignore[no-untyped-call]

    def _shortly(self, resty: Any, expr: Any) -> Any:
        """Lengths of an array, and the steps of a loop over a range; None of anything else."""
        kind = self.typeof(expr.value.name)  # type: ignore[no-untyped-call]
        if expr.op == "getattr" and expr.attr == "shape" and isinstance(kind, Array):
            model = self.context.data_model_manager[kind]
            return model.get(self.builder, self.loadvar(expr.value.name), "shape")
        if expr.op == "getiter" and isinstance(kind, RangeType):
            return begun(self.builder, self.loadvar(expr.value.name))
        if expr.op == "iternext" and isinstance(kind, RangeIteratorType):
            return gone_on(self.builder, self.loadvar(expr.value.name))
        if expr.op in _OF_A_PAIR and isinstance(kind, Pair):
            part = self.builder.extract_value(self.loadvar(expr.value.name), _OF_A_PAIR.index(expr.op))
            self.incref(resty, part)
            return part
        return None

    def lower_getitem(self, resty: Any, expr: Any, value: Any, index: Any, signature: Any) -> Any:
        """What an array holds somewhere."""
        array, where = signature.args
        if not (_is_place(array, where) and isinstance(self.typeof(value.name), Array)):  # type: ignore[no-untyped-call]
            return super().lower_getitem(resty, expr, value, index, signature)  # type: ignore[no-untyped-call]
        item = load_item(self.context, self.builder, array, self._place(value, index, where))  # type: ignore[no-untyped-call]
        return self.context.cast(self.builder, item, array.dtype, resty)

    def _lower_call_normal(self, fnty: Any, expr: Any, signature: Any) -> Any:
        """A call: one of our own functions gets where to write what it returns, and where our own error is to be told."""
        made = fnty.dispatcher.overloads.get(signature.args) if isinstance(fnty, Dispatcher) else None
        if made is None or made.library is None or self.func_ir.func_id.code.co_exceptiontable:  # tries catch errors
            return super()._lower_call_normal(fnty, expr, signature)  # type: ignore[no-untyped-call]
        args = self.fold_call_args(fnty, signature, expr.args, expr.vararg, expr.kws)  # type: ignore[no-untyped-call]
        builder, context, told = self.builder, self.context, made.fndesc
        function = context.declare_function(builder.module, told)
        with builder.goto_entry_block():
            place = builder.alloca(self.call_conv.get_return_type(told.restype).pointee)
        given = self.call_conv._get_arg_packer(told.argtypes).as_arguments(builder, args)
        code = builder.call(function, [place, self.function.args[1], *given])
        if told.mangled_name not in _NEVER_FAIL:
            failed = builder.or_(*(builder.icmp_signed(how, code, code.type(than)) for how, than in _FAILED))
            with builder.if_then(failed, likely=False):
                builder.ret(code)
        context.add_linking_libs((made.library,))
        return context.get_returned_value(builder, told.restype, builder.load(place))

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> Any:
        """Write into an array."""
        array, where, written = signature.args
        kind = self.typeof(target_var.name)  # type: ignore[no-untyped-call]
        if isinstance(written, Array) or not isinstance(kind, Array) or not _is_place(array, where):
            return super().lower_setitem(target_var, index_var, value_var, signature)  # type: ignore[no-untyped-call]
        value, kind = self.loadvar(value_var.name), self.typeof(value_var.name)  # type: ignore[no-untyped-call]
        item = self.context.cast(self.builder, value, kind, array.dtype)
        return store_item(self.context, self.builder, array, item, self._place(target_var, index_var, where))  # type: ignore[no-untyped-call]

    def _place(self, array_var: Any, index_var: Any, where: Any) -> Any:
        """A pointer to an item. Numba copies all it knows of an array to memory first, at each access."""
        builder, kind = self.builder, self.typeof(array_var.name)  # type: ignore[no-untyped-call]
        array, model = self.loadvar(array_var.name), self.context.data_model_manager[kind]
        index = self.context.cast(builder, self.loadvar(index_var.name), self.typeof(index_var.name), where)  # type: ignore[no-untyped-call]
        places = [index] if where == intp else unpack_tuple(builder, index)  # type: ignore[no-untyped-call]
        lengths = unpack_tuple(builder, model.get(builder, array, "shape"))  # type: ignore[no-untyped-call]
        places = [self._from_the_start(*each) for each in zip(places, lengths, strict=True)]
        if self.context.enable_boundscheck:
            for axis, (place, length) in enumerate(zip(places, lengths, strict=True)):
                do_boundscheck(self.context, builder, place, length, axis)  # type: ignore[no-untyped-call]
        data = model.get(builder, array, "data")
        if kind.layout == "C":
            offset = places[0]
            for place, length in zip(places[1:], lengths[1:], strict=True):
                offset = builder.add(builder.mul(offset, length), place)
            return builder.gep(data, [offset])
        strides = unpack_tuple(builder, model.get(builder, array, "strides"))  # type: ignore[no-untyped-call]
        return get_item_pointer2(self.context, builder, data, lengths, strides, kind.layout, places)  # type: ignore[no-untyped-call]

    def _from_the_start(self, place: Any, length: Any) -> Any:
        """An index along one axis, where a negative constant counts from its end. No other index of a kernel is below 0, as running the
        tests with bounds checked shows; to ask everywhere was a tenth of what is translated, and of the time that a search takes."""
        if isinstance(place, Constant) and isinstance(place.constant, int) and place.constant < 0:
            return self.builder.add(length, place)
        return place

    def _is_plain(self, name: str) -> bool:
        """Whether no references are counted for what a variable holds."""
        if name in self._given:
            return True
        model = self.context.data_model_manager[self.typeof(name)]  # type: ignore[no-untyped-call]
        return not (self.context.enable_nrt and model.contains_nrt_meminfo())

    def loadvar(self, name: str) -> Any:
        """The value of a variable, from memory where the block that reads it is written before the one that assigns it."""
        if name not in self._blk_local_varmap:
            self._singly_assigned_vars.discard(name)
        return super().loadvar(name)  # type: ignore[no-untyped-call]

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Assign to a variable."""
        if name in self._singly_assigned_vars or not self._is_plain(name):
            super().storevar(value, name, argidx)  # type: ignore[no-untyped-call]
        else:
            self.builder.store(value, self.getvar(name))  # type: ignore[no-untyped-call]

    def delvar(self, name: str) -> None:
        """End a variable's life."""
        if not self._is_plain(name):
            super().delvar(name)  # type: ignore[no-untyped-call]


def _is_place(array: Any, index: Any) -> bool:
    """Whether an index says where in an array one number is."""
    numbers = isinstance(array, Array) and isinstance(array.dtype, Number | Boolean)
    return numbers and index == (intp if array.ndim == 1 else UniTuple(intp, array.ndim))  # type: ignore[no-untyped-call]


@register_pass(mutates_CFG=True, analysis_only=False)  # type: ignore[no-untyped-call]
class AsValues(NativeLowering):  # type: ignore[misc, unused-ignore]
    """Numba's translation for LLVM with variables as values."""

    _name = "as_values"

    @property
    def lowering_class(self) -> type[Lower]:
        """What translates."""
        return _Lower
