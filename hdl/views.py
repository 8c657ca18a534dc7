"""How the hardware reads what the compiler packs: rows and descriptors as layouts, field by field."""

from amaranth.hdl import Shape
from amaranth.lib import data

from spikewright.compiler.target.descriptors import Kind, layout
from spikewright.compiler.target.rows import count_row, entry_row, neuron_row, tap_row
from spikewright.compiler.target.structure import Structure
from spikewright.cost.rows import ROW_ENTRIES, Row


def view(row: Row) -> data.StructLayout:
    """A row of a ROM or table."""
    return data.StructLayout({field.name: Shape(field.bits, field.signed) for field in row.fields})


def entries_view(structure: Structure) -> data.ArrayLayout:
    """The entries of a weight-ROM row."""
    return data.ArrayLayout(view(entry_row(structure)), ROW_ENTRIES)


def counts_view(structure: Structure) -> data.ArrayLayout:
    """A row of the count ROM: the list of each walker."""
    return data.ArrayLayout(view(count_row(structure)), structure.shape.walkers)


def neuron_view(structure: Structure) -> data.StructLayout:
    """One neuron-ROM row of one stream."""
    return view(neuron_row(structure))


def tap_view(structure: Structure) -> data.StructLayout:
    """One tap of the mover.

    ``source`` and ``target`` are offsets, modulo the address space; the first tap of a word gives its target. Lane l of
    the turned word is lane (l + rotate) mod lanes of the source.
    """
    return view(tap_row(structure))


def descriptor_view(kind: Kind, structure: Structure) -> data.StructLayout:
    """The fields of a descriptor, its kind included."""
    return data.StructLayout(layout(kind, structure))
