"""Silicon before it exists: energy, area, leakage and delay of logic, storage and wires by process, each figure with its source."""

from hwsim.device.technology.arithmetic import adder, bit_serial_mac, mac, multiplier, register
from hwsim.device.technology.families import operation, reference_voltage
from hwsim.device.technology.formats import NumberFormat, number_format
from hwsim.device.technology.hcm import local_memory_area, pe_area
from hwsim.device.technology.off_chip import Cell, Stack, hbm_stack, off_chip_energy, off_chip_types, sram_cells
from hwsim.device.technology.overhead import overhead_fraction
from hwsim.device.technology.record import FAMILIES, Circuit, Estimated, Quality, Technology, parse_node
from hwsim.device.technology.scaling import area_scale, delay_scale, energy_scale, nominal_voltage, power_scale
from hwsim.device.technology.storage import LeftOut, Storage, leave_one_out, register_file, sram, storage
from hwsim.device.technology.unit import mac_energies, mac_unit
from hwsim.device.technology.voltage import AlphaPower, alpha_power, clock_at, dynamic_energy_scale
from hwsim.device.technology.wires import spread, switch, wire_energy

__all__ = [
    "FAMILIES",
    "AlphaPower",
    "Cell",
    "Circuit",
    "Estimated",
    "LeftOut",
    "NumberFormat",
    "Quality",
    "Stack",
    "Storage",
    "Technology",
    "adder",
    "alpha_power",
    "area_scale",
    "bit_serial_mac",
    "clock_at",
    "delay_scale",
    "dynamic_energy_scale",
    "energy_scale",
    "hbm_stack",
    "leave_one_out",
    "local_memory_area",
    "mac",
    "mac_energies",
    "mac_unit",
    "multiplier",
    "nominal_voltage",
    "number_format",
    "off_chip_energy",
    "off_chip_types",
    "operation",
    "overhead_fraction",
    "parse_node",
    "pe_area",
    "power_scale",
    "reference_voltage",
    "register",
    "register_file",
    "spread",
    "sram",
    "sram_cells",
    "storage",
    "switch",
    "wire_energy",
]
