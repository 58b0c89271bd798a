"""Networks with zeros: shares of nonzero elements, by role or by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hwsim.errors import UsageError, nearest
from hwsim.graph.network import Network
from hwsim.graph.records import Tensor

#: Words for all tensors of a role.
ROLES = {"activation": "activation", "weight": "parameter"}


def with_density(network: Network, densities: Mapping[str, float]) -> Network:
    """The network with the density of tensors changed.

    densities : share of elements that are not zero, 0 to 1, by ``activation``, ``weight`` or the name of a tensor; a name wins.
    Raises UsageError for a name that no tensor has, and for a number that is no share.
    """
    for name, density in densities.items():
        if name not in ROLES and name not in network.tensors:
            raise UsageError(
                f"density of {name}: {network.name} has no such tensor{nearest(name, [*ROLES, *network.tensors])}; "
                "'activation' and 'weight' are all of a kind"
            )
        if not 0 <= density <= 1:
            raise UsageError(f"density of {name}: {density:g} is not a share from 0 to 1")
    by_role = {ROLES[name]: density for name, density in densities.items() if name in ROLES}

    def changed(tensor: Tensor) -> Tensor:
        density = densities.get(tensor.name, by_role.get(tensor.role))
        return tensor if density is None else replace(tensor, density=density, nonzeros=())

    return replace(network, tensors={name: changed(tensor) for name, tensor in network.tensors.items()})
