"""What a layer would cost in a candidate format: the figures that a search of formats weighs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spikewright.cost.energy import Activity, layer_energy
from spikewright.cost.estimate import estimate_rom_bits, estimate_widths
from spikewright.cost.latency import layer_cycles
from spikewright.cost.rom import Lists, Widths
from spikewright.cost.shape import Shape
from spikewright.cost.widths import adder_bits
from spikewright.cost.work import Layer, Scheme


@dataclass(frozen=True)
class FormatCost:
    """Of one layer and one image: stored bits, cycles, bits of a sum, picojoules by model (b)."""

    rom_bits: int
    cycles: int
    adder_bits: int
    energy_pj: float


def format_cost(
    layer: Layer,
    scheme: Scheme,
    bits: int,
    *,
    activity: Activity | float,
    shape: Shape | None = None,
    widths: Widths | None = None,
    lists: Lists | None = None,
) -> FormatCost:
    """The layer's cost with weights of that scheme and width.

    layer: as it is counted now; ``kept`` is taken as given, so where a narrow format rounds weights to 0, count them
    first. widths: of the program's ROM fields, the layer's own where not given; the code is always as wide as ``bits``.
    lists: of the layer, for exact cycles.

    What depends on the format, and how far, on this engine:

    - rom_bits: by the code's bits; scheme does not matter. A program's code field is as wide as its *widest* layer's
      code, so a layer saves what is said here only if no layer stays wider: the whole is
      ``Σ entries · (max bits + offset) + …`` (``spikewright.cost.estimate.estimate_rom_bits``).
    - cycles: not at all. A code of any scheme and width takes one cycle for each plane of its input; cycles change
      with kept weights, tokens and planes only.
    - adder_bits: by the greatest value, ``2^(bits−1) − 1`` uniform and ``2^(2^(bits−1)−2)`` PoT: a 4-bit PoT layer
      sums as widely as an 8-bit uniform one. All lanes are as wide as the widest layer needs.
    - energy_pj: by both, through the additions and the reads of the weight ROM. Reads of spike memory are the larger
      part of it and the same for every format.
    """
    shape = shape or Shape()
    candidate = replace(layer, scheme=scheme, bits=bits)
    fields = replace(widths or estimate_widths([candidate], shape), code=bits)
    return FormatCost(
        rom_bits=estimate_rom_bits([candidate], shape, fields).total,
        cycles=sum(layer_cycles(candidate, shape, lists)),
        adder_bits=adder_bits(candidate),
        energy_pj=layer_energy(candidate, activity, shape, fields).bits_pj,
    )
