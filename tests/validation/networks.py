"""Small networks and devices that the tests of this room share."""

from __future__ import annotations

from hwsim.estimation import Prepared, prepare
from hwsim.graph import Network


def tiny() -> Network:
    """Two convolutions with activations, a pool and a classifier: Relu is folded, Flatten is free."""
    return (
        Network.builder("tiny")
        .input("x", (1, 3, 32, 32))
        .conv(16, kernel=3, name="first")
        .relu(name="first_relu")
        .conv(32, kernel=3, stride=2, name="second")
        .relu(name="second_relu")
        .global_pool(name="pool")
        .flatten(name="flat")
        .dense(10, name="classifier")
        .build()
    )


def prepared() -> Prepared:
    return prepare(tiny())
