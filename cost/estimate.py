"""Lists, widths and ROM bits by estimate, from densities: for use before masks and placement are final.

Weights are taken as kept by chance, equally in all outputs. Then the entries of an output in one of k banks are
binomial, and the longest of k lists is the mean plus the expected greatest of k normal deviations (Blom 1958). The
compiler's placement beats chance, uneven masks are worse. On the committed packages an image's cycles come out within
8 % of the compiler's and the ROM bits within 6 %, on random networks cycles within 15 %
(``tests/cost/test_estimate.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, hypot, log
from statistics import NormalDist

from spikewright.cost.rom import RomBits, Widths
from spikewright.cost.rows import ROW_ENTRIES, neuron_row
from spikewright.cost.shape import Shape, bits_for
from spikewright.cost.work import Copy, Layer

#: Bits of a bias or threshold as long as nothing is known of them: before a network is quantised.
PARAMETER_BITS = 16

_NORMAL = NormalDist()


def _list(layer: Layer, shape: Shape) -> tuple[int, float, float]:
    """Banks that hold inputs, and the mean and deviation of a list's entries."""
    banks = shape.banks if layer.walk.everywhere else min(shape.banks, layer.inputs)
    mean = layer.kept / layer.outputs / banks
    return banks, mean, 0.0 if layer.walk.everywhere else (mean * (1 - layer.share)) ** 0.5


def _greatest(count: int) -> float:
    """Expected greatest of so many normal deviations."""
    return _NORMAL.inv_cdf((count - 0.375) / (count + 0.25)) if count > 1 else 0.0


def longest_list(layer: Layer, shape: Shape) -> int:
    """Expected entries of a layer's longest list."""
    banks, mean, deviation = _list(layer, shape)
    most = -(-layer.inputs * layer.taps // banks)
    return min(most, ceil(mean + _greatest(banks * layer.outputs) * deviation))


def sum_cycles(layer: Layer, shape: Shape, gap: int) -> float:
    """Expected cycles between two sums of a layer: of the busiest bank's (entry, plane) pairs, at least ``gap``."""
    banks, mean, deviation = _list(layer, shape)
    lists = banks * shape.streams
    if layer.walk.everywhere and not layer.joined:  # dealt out evenly
        return max(gap, layer.planes * ceil(mean), 1)
    scaled = layer.planes * deviation
    if layer.joined:  # its entries are in the same lists
        joined, planes = layer.joined / layer.outputs / banks, layer.walk.captured
        total, scaled = layer.planes * mean + planes * joined, hypot(scaled, planes * joined**0.5)
        busiest = total + _greatest(lists) * scaled
    else:
        busiest = layer.planes * mean + max(_greatest(lists) * scaled, layer.walk.captured)
    spread = scaled / (1 + log(lists) / 3)  # of the greatest of so many
    least = max(gap, 1)
    if not spread:
        return max(least, busiest)
    z = (least - busiest) / spread
    return least * _NORMAL.cdf(z) + busiest * (1 - _NORMAL.cdf(z)) + spread * _NORMAL.pdf(z)


def _bank_rows(layer: Layer, shape: Shape) -> int:
    """Rows of a bank that a layer's input takes."""
    return layer.inputs if layer.walk.everywhere else shape.bank_rows(layer.inputs)


def offset_bits(layer: Layer, shape: Shape) -> int:
    """Bits of the greatest address offset in a layer's lists: bank rows of its input, positions, taps, planes."""
    walk, border = layer.walk, 2 * int(layer.walk.halo)
    columns = walk.width(shape) + border
    rows = _bank_rows(layer, shape)
    window = 2 * columns + 2 if layer.taps > 1 else 0
    return bits_for(((rows - 1) * (walk.tile[0] + border) * columns + window) * layer.planes)


def estimate_widths(layers: Sequence[Layer], shape: Shape) -> Widths:
    """Field widths of a program of these layers: code and offset as the widest needs, counts as the longest list."""
    weighted = [layer for layer in layers if layer.weights]
    words = max(
        _bank_rows(layer, shape) * layer.walk.tile[0] * layer.walk.width(shape) * layer.planes
        * shape.tiles(layer.walk.slots) * shape.groups(layer.walk.steps) for layer in layers
    )  # fmt: skip
    neurons = [layer for layer in layers if neuron_rows(layer, shape)]
    parameters = max((layer.parameter_bits or PARAMETER_BITS for layer in neurons), default=PARAMETER_BITS)
    return Widths(
        code=max([2, *(layer.bits for layer in weighted), *(layer.gain_bits for layer in layers)]),
        offset=max((offset_bits(layer, shape) for layer in weighted), default=1),
        count=bits_for(max((longest_list(layer, shape) for layer in weighted), default=1)),
        # what is read and what is written live side by side
        neuron=neuron_row(
            parameter_bits=parameters,
            address_bits=bits_for(2 * words - 1),
            banks=shape.banks,
            leaks=any(layer.walk.pace > 1 for layer in layers),
        ).bits,
        second=any(layer.joined for layer in layers),
    )


def neuron_rows(layer: Layer | Copy, shape: Shape) -> int:
    """Rows of the neuron ROM."""
    if isinstance(layer, Copy):
        return -(-layer.channels // shape.streams) if layer.kind == "pass" else 0
    if layer.kind == "shortcut":
        return 0
    return layer.heads * -(-(layer.outputs // layer.heads) // shape.streams)


def estimate_rom_bits(layers: Sequence[Layer], shape: Shape, widths: Widths | None = None) -> RomBits:
    """As ``spikewright.cost.rom.rom_bits``, from the kept weights alone; each ROM has an odd entry or none."""
    field_widths = widths or estimate_widths(layers, shape)
    entries = sum(layer.kept + layer.gains for layer in layers)
    captures = sum(layer.outputs for layer in layers if layer.walk.captured and not layer.joined)
    rows = sum(neuron_rows(layer, shape) for layer in layers if layer.weights)
    return RomBits(
        value=entries * field_widths.code,
        index=entries * (field_widths.entry - field_widths.code),
        count=rows * shape.walkers * field_widths.count,
        padding=(captures + shape.walkers * (ROW_ENTRIES - 1) // 2) * field_widths.entry,
        neuron=sum(neuron_rows(layer, shape) for layer in layers) * shape.streams * field_widths.neuron,
    )
