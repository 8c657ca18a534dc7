"""Rows of the ROMs and tables of a structure. Their fields are described in ``cost/rows.py``."""

from __future__ import annotations

from spikewright.compiler.target.structure import Structure
from spikewright.cost import rows
from spikewright.cost.rows import Row


def entry_row(structure: Structure) -> Row:
    """One weight entry."""
    return rows.entry_row(
        offset_bits=structure.offset_bits, code_bits=structure.code_bits, second=bool(structure.second)
    )


def neuron_row(structure: Structure) -> Row:
    """Neuron parameters of one stream's output."""
    return rows.neuron_row(
        parameter_bits=structure.parameter_bits,
        address_bits=structure.address_bits,
        banks=structure.shape.banks,
        leaks=bool(structure.leaks),
    )


def count_row(structure: Structure) -> Row:
    """Entries of one walker's list."""
    return rows.count_row(count_bits=structure.count_bits)


def tap_row(structure: Structure) -> Row:
    """One tap of the mover."""
    return rows.tap_row(
        address_bits=structure.address_bits, lanes=structure.shape.lanes, mask_depth=structure.mask_depth
    )
