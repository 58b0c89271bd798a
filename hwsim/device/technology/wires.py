"""Wires: energy of moving a bit over a distance on the chip, and the switches that spread it.

A wire's capacitance per length hardly changes from node to node, so its energy goes with distance and the square of the supply.
The anchor is the energy of the array's wires relative to a MAC in Eyeriss' table [1]_: twice a 16-bit MAC for a 16-bit word over 1 to
2 mm at 65 nm, with the MAC of Horowitz's table at that node.

.. [1] Y.-H. Chen, J. Emer, V. Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional Neural Networks,"
   ISCA 2016, Table IV, doi:10.1109/ISCA.2016.40.
"""

from __future__ import annotations

from hwsim.device.technology.arithmetic import mac
from hwsim.device.technology.families import operation, reference_voltage
from hwsim.device.technology.record import Circuit, Estimated, Technology
from hwsim.device.technology.tables import table
from hwsim.device.technology.voltage import dynamic_energy_scale
from hwsim.errors import UsageError


def wire_energy(technology: Technology, distance: float) -> Estimated:
    """Energy of one bit over a wire of ``distance`` [m] in [J]; low and high from the 1 to 2 mm of the source.

    Raises UsageError for a negative distance.
    """
    if distance < 0:
        raise UsageError(f"wire of {distance:g} m: give 0 or more")
    sheet = table("relative")
    anchor = Technology(sheet["node_nm"])
    unit = mac(anchor, f"int{sheet['bits']}").energy
    assert unit is not None
    near, far = (1e-3 * millimetres for millimetres in sheet["array_mm"])
    volts = reference_voltage(Technology(technology.node_nm)) if technology.voltage_v is None else technology.voltage_v
    square = dynamic_energy_scale(volts, reference_voltage(anchor))
    word = unit.value * sheet["relative"]["array"] / sheet["bits"] * square * distance
    return Estimated(
        word / ((near + far) / 2),
        "J",
        f"{sheet['source'].strip()}; {unit.source}",
        "estimated",
        low=word / far,
        high=word / near,
    )


def switch(technology: Technology, bits: int) -> Circuit:
    """A switch from one word of ``bits`` to four, Aladdin's crossbar."""
    if bits < 1:
        raise UsageError(f"switch of {bits} bits: give at least 1")
    return operation(technology, "crossbar", bits)


def spread(technology: Technology, bits: int, children: int) -> Circuit:
    """The tree of switches between one memory and ``children`` of the next level inside: (children − 1) / 3 switches."""
    return switch(technology, bits).times(max(0, -(-(children - 1) // 3)))
