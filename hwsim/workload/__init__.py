"""What a layer asks for: loop nests, vector operations, data moves, and a network's complexity."""

from hwsim.workload.lower import HANDLERS, lower
from hwsim.workload.nest import DIMS, OPERANDS, Dim, LoopNest, OperandType
from hwsim.workload.work import DataMove, VectorOp, Work

__all__ = ["DIMS", "HANDLERS", "OPERANDS", "DataMove", "Dim", "LoopNest", "OperandType", "VectorOp", "Work", "lower"]
