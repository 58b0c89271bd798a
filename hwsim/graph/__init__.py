"""A network as it is computed: tensors, layers, and the directed acyclic graph that they form."""

from hwsim.graph.network import Network
from hwsim.graph.records import Layer, Tensor, dtype_bits, dtype_kind

__all__ = ["Layer", "Network", "Tensor", "dtype_bits", "dtype_kind"]
