"""Structure: everything about the accelerator that is fixed when it is synthesised.

Two networks of one structure differ in ROM contents only. The compiler measures what a network needs and takes the
least structure that holds it (or checks it against a given, larger one).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from math import ceil
from typing import Any

from spikewright.cost.cycles import LEAK_PACE
from spikewright.cost.rom import Widths
from spikewright.cost.rows import ROW_ENTRIES, neuron_row
from spikewright.cost.shape import Shape as Shape  # the cost model's, but part of the structure to everybody else
from spikewright.cost.shape import bits_for as bits_for

#: Width of one program-memory word and of one result word, in bits.
WORD_BITS = 32


@dataclass(frozen=True)
class Structure:
    """Shape, widths (bits) and depths (words) of one accelerator."""

    shape: Shape
    # spike memory
    bank_depth: int  # words of one spike bank
    planes: int  # most bit-planes of a stored value
    residual_planes: int  # most bit-planes that a residual addition writes
    # weight streams
    rom_depth: int  # rows of one weight ROM
    offset_bits: int  # address offset of a weight entry
    code_bits: int  # weight code, sign and magnitude
    count_bits: int  # entries of one list
    outputs: int  # rows of the count ROM
    # arithmetic
    value_bits: int  # signed value on the broadcast bus
    accumulator_bits: int  # signed sum in a lane
    fraction_bits: int  # membrane grid below the weight LSB
    membrane_bits: int  # signed membrane, also the sum of a selector or head output over the steps
    score_bits: int  # signed class score, on the membrane grid
    score_drop: int  # its lowest bits, 0 as the head has fewer fraction bits, that do not leave
    parameter_bits: int  # signed bias and threshold in the neuron ROM
    shift_bits: int  # how far a selector's hidden sums are shifted
    neurons: int  # rows of the neuron ROM
    # attention
    product_bits: int  # unsigned KtV element
    product_depth: int  # words of one product bank
    # mover and token selector
    table_depth: int  # taps, the run-time region included
    mask_depth: int  # lane masks, the run-time region included
    selector_tokens: int  # most tokens that a selector ranks
    # input, program, results
    pixel_depth: int  # bytes of an image
    image_channels: int
    image_bits: int  # bits of an input code
    loop_bits: int  # bits of a loop count
    program_depth: int  # 32-bit words of the program memory
    result_depth: int  # 32-bit words of the answer to one image
    # what it can do beyond that, 1 or 0; neuron kinds cost an adder a token slot
    soft_reset: int = 1  # the LIF array can reset by subtraction
    strict_compare: int = 1  # the LIF array can fire on "above the threshold" only
    leaks: int = 0  # neurons leak by sixteenths of their own, in two cycles a step; else by half
    wide_scores: int = 0  # a class score leaves as two words, the lower first; else as one
    second: int = 0  # a layer can read a second value, entry by entry; weights can be powers of two up to 2^31
    limited: int = 0  # residual additions can saturate
    frames: int = 0  # every step of an image can have a frame of its own
    counting: int = 0  # the mover can count spikes
    value_channels: int = 0  # attention's values may have other channels than its keys

    def __post_init__(self) -> None:
        if not isinstance(self.shape, Shape):
            raise ValueError(f"shape must be a Shape, not {self.shape!r}")
        for field in dataclasses.fields(self)[1:]:
            value = getattr(self, field.name)
            flag = field.name in FLAGS
            least = int(not flag and field.name not in ("fraction_bits", "score_drop"))
            if type(value) is not int or value < least or (flag and value > 1):
                allowed = "0 or 1" if flag else f"an integer of at least {least}"
                raise ValueError(f"structure: {field.name} must be {allowed}, not {value!r}")

    @property
    def pace(self) -> int:
        """Cycles of a step in the LIF arrays."""
        return LEAK_PACE if self.leaks else 1

    @property
    def score_words(self) -> int:
        """Result words of a class score."""
        return 2 if self.wide_scores else 1

    @property
    def address_bits(self) -> int:
        return bits_for(self.bank_depth - 1)

    @property
    def pointer_bits(self) -> int:
        """Bits of an entry pointer into one weight ROM."""
        return bits_for(self.rom_depth * ROW_ENTRIES)

    @property
    def widths(self) -> Widths:
        """Bits of the weight-stream ROMs' fields."""
        row = neuron_row(
            parameter_bits=self.parameter_bits, address_bits=self.address_bits, banks=self.shape.banks,
            leaks=bool(self.leaks),
        )  # fmt: skip
        return Widths(self.code_bits, self.offset_bits, self.count_bits, row.bits, bool(self.second))

    @property
    def entry_bits(self) -> int:
        return self.widths.entry

    @property
    def row_bits(self) -> int:
        """Bits of one weight-ROM row."""
        return self.widths.row

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Structure:
        fields = dict(data)
        return Structure(shape=Shape(**fields.pop("shape")), **fields)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True) + "\n"

    def shortfalls(self, need: Structure) -> list[str]:
        """What ``need`` asks beyond this structure, one phrase each; empty where it fits."""
        if need.shape != self.shape:
            return [f"shape {need.shape} is not {self.shape}"]
        rows = []
        for name in LARGEST:
            have, want = getattr(self, name), getattr(need, name)
            if want > have:
                rows.append(f"{name} {want} is above {have}")
        if need.score_drop < self.score_drop:
            rows.append(f"score_drop {need.score_drop} is below {self.score_drop}")
        if need.score_bits - self.score_drop > WORD_BITS * self.score_words:
            most = WORD_BITS * self.score_words
            rows.append(f"class scores of {need.score_bits - self.score_drop} bits are above {most}")
        return rows


#: Fields that say whether there is something.
FLAGS = tuple(field.name for field in dataclasses.fields(Structure) if field.default is not dataclasses.MISSING)

#: Fields of which more also holds what needs less.
LARGEST = tuple(field.name for field in dataclasses.fields(Structure)[1:] if field.name != "score_drop")


def words_for(bits: int) -> int:
    """Program words that hold ``bits``."""
    return ceil(bits / WORD_BITS)
