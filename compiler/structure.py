"""Structure: everything about the accelerator that is fixed when it is synthesised.

Two networks of one structure differ in ROM contents only. The compiler measures what a network needs and takes the
least structure that holds it (or checks it against a given, larger one).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

#: Width of one program-memory word and of one result word, in bits.
WORD_BITS = 32

#: Weight entries in one ROM row: the silence filter looks at two entries a cycle.
ROW_ENTRIES = 2


def bits_for(count: int) -> int:
    """Bits of an unsigned field that holds 0 … ``count`` (at least one)."""
    return max(1, int(count).bit_length())


@dataclass(frozen=True)
class Shape:
    """The engine's shape, chosen by the user or by the board.

    Parameters
    ----------
    tokens: token slots of a tile (P).
    steps: time steps of a step group (S). A word has ``tokens * steps`` lanes.
    banks: channel banks (k), one spike word each a cycle.
    streams: output channels computed at once; two need at least two banks.
    skip: silent words and empty bit-planes are skipped at run time.
    """

    tokens: int = 16
    steps: int = 4
    banks: int = 4
    streams: int = 1
    skip: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (("tokens", 2, 256), ("steps", 2, 16), ("banks", 1, 16), ("streams", 1, 2)):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be an integer from {low} to {high}, not {value!r}")
        if self.streams > self.banks:
            raise ValueError(f"{self.streams} streams need at least {self.streams} banks, not {self.banks}")

    @property
    def lanes(self) -> int:
        """Lanes of a word: one adder tree each."""
        return self.tokens * self.steps

    @property
    def slot_lanes(self) -> int:
        """Gated adder inputs in all."""
        return self.lanes * self.banks * self.streams


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
    score_bits: int  # signed class score
    parameter_bits: int  # signed bias and threshold in the neuron ROM
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
    # neuron kinds, each of which costs an adder a token slot
    soft_reset: int = 1  # 1: the LIF array can reset by subtraction
    strict_compare: int = 1  # 1: the LIF array can fire on "above the threshold" only

    def __post_init__(self) -> None:
        if not isinstance(self.shape, Shape):
            raise ValueError(f"shape must be a Shape, not {self.shape!r}")
        for field in dataclasses.fields(self)[1:]:
            value = getattr(self, field.name)
            flag = field.name in ("soft_reset", "strict_compare")
            least = int(not flag and field.name != "fraction_bits")
            if type(value) is not int or value < least or (flag and value > 1):
                allowed = "0 or 1" if flag else f"an integer of at least {least}"
                raise ValueError(f"structure: {field.name} must be {allowed}, not {value!r}")

    @property
    def address_bits(self) -> int:
        return bits_for(self.bank_depth - 1)

    @property
    def pointer_bits(self) -> int:
        """Bits of an entry pointer into one weight ROM."""
        return bits_for(self.rom_depth * ROW_ENTRIES)

    @property
    def entry_bits(self) -> int:
        return self.offset_bits + self.code_bits

    @property
    def row_bits(self) -> int:
        """Bits of one weight-ROM row."""
        return ROW_ENTRIES * self.entry_bits

    @property
    def neuron_bits(self) -> int:
        """Bits of one neuron-ROM row of one stream: bias, threshold, destination address and bank, enable."""
        return 2 * self.parameter_bits + self.address_bits + bits_for(self.shape.banks - 1) + 1

    def to_dict(self) -> dict[str, object]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: dict[str, object]) -> Structure:
        fields = dict(data)
        shape = fields.pop("shape")
        assert isinstance(shape, dict)
        return Structure(shape=Shape(**shape), **fields)  # type: ignore[arg-type]

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, sort_keys=True) + "\n"

    def shortfalls(self, need: Structure) -> list[str]:
        """What ``need`` asks beyond this structure, one phrase each; empty where it fits."""
        if need.shape != self.shape:
            return [f"shape {need.shape} is not {self.shape}"]
        rows = []
        for field in dataclasses.fields(Structure)[1:]:
            have, want = getattr(self, field.name), getattr(need, field.name)
            if want > have:
                rows.append(f"{field.name} {want} is above {have}")
        return rows


def cover(structures: Iterable[Structure]) -> Structure:
    """The least structure that holds all of ``structures``, which share one shape."""
    items = list(structures)
    shapes = {item.shape for item in items}
    if len(shapes) != 1:
        raise ValueError(f"structures of one shape are needed, not {len(shapes)} shapes")
    names = [field.name for field in dataclasses.fields(Structure)[1:]]
    least = Structure(shape=items[0].shape, **{name: max(getattr(item, name) for item in items) for name in names})
    # wider fields make longer descriptors
    from .descriptors import descriptor_words

    descriptors = max(item.program_depth // descriptor_words(item) for item in items)
    return dataclasses.replace(least, program_depth=descriptors * descriptor_words(least))


def words_for(bits: int) -> int:
    """Program words that hold ``bits``."""
    return ceil(bits / WORD_BITS)
