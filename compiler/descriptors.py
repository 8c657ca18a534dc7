"""Operation descriptors: the one description of what the program memory says.

The accelerator walks a list of descriptors. The packer here and the hardware's views (``hdl/program.py``) both come
from ``LAYOUTS``, so they cannot drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from .structure import WORD_BITS, Structure, bits_for, words_for


class Kind(IntEnum):
    """What a descriptor makes the accelerator do."""

    END = 0  # the image is done
    LOAD = 1  # pixels into spike memory
    MOVE = 2  # halo copies, OR-pool, compaction
    MAC = 3  # weight stream (or attention products) through the lanes
    PRODUCT = 4  # K^T V of some heads
    SELECT = 5  # rank the tokens, plan the compaction


class Mode(IntEnum):
    """What becomes of a finished sum of a MAC descriptor."""

    SPIKE = 0  # LIF, one spike word
    RESIDUAL = 1  # LIF, spikes added to the captured residual planes
    HIDDEN = 2  # sum over the steps, shift, clip to 8 planes
    SCORE = 3  # sum over the steps, one score a token to the selector
    HEAD = 4  # sum over the steps and tokens, one class score


Width = Callable[[Structure], int]


def _address(s: Structure) -> int:
    return s.address_bits


def _loop(s: Structure) -> int:
    return s.loop_bits


def _tokens(s: Structure) -> int:
    return bits_for(s.shape.tokens)


def _steps(s: Structure) -> int:
    return bits_for(s.shape.steps)


def _planes(s: Structure) -> int:
    return bits_for(s.planes)


def _product(s: Structure) -> int:
    return bits_for(s.product_depth - 1)


def _table(s: Structure) -> int:
    return bits_for(s.table_depth - 1)


def _mask(s: Structure) -> int:
    return bits_for(s.mask_depth - 1)


def _pixel(s: Structure) -> int:
    return bits_for(s.pixel_depth - 1)


def _rank(s: Structure) -> int:
    return bits_for(s.selector_tokens)


def _bits(count: int) -> Width:
    return lambda _s: count


#: Bits of the least gap between two finished sums.
GAP_BITS = 12

#: Fields of each kind, first field in the lowest bits, behind the kind itself.
LAYOUTS: Mapping[Kind, tuple[tuple[str, Width], ...]] = {
    Kind.END: (),
    Kind.LOAD: (
        ("base", _address),  # first word of the image
        ("channel_stride", _address),  # words from one channel to the next
        ("x_step", _address),  # words from one column of the sub-tile to the next
        ("y_step", _address),  # words from the end of one row to the next
        ("tile_stride", _address),
        ("channels", _loop),
        ("rows", _loop),  # rows and columns of positions that a lane holds
        ("columns", _loop),
        ("tiles", _loop),
        ("fold", _bits(1)),  # one pixel a lane; else one a token slot, repeated over its steps
        ("slots", _loop),  # columns of lanes (token slots) that make one image row
        ("used", _loop),  # lanes (token slots) in use, over all tiles
        ("pixel_x", _pixel),  # buffer distance from one lane to the next
        ("pixel_wrap", _pixel),  # the same at the end of an image row of lanes
        ("pixel_column", _pixel),  # buffer distance from one position to the next
        ("pixel_row", _pixel),  # from one row of positions to the next
        ("planes", _planes),
        ("bytes", lambda s: bits_for(s.pixel_depth)),  # of one image
    ),
    Kind.MOVE: (
        ("source", _address),
        ("source_row", _address),
        ("source_tile", _address),
        ("source_group", _address),
        ("target", _address),
        ("target_row", _address),
        ("target_tile", _address),
        ("target_group", _address),
        ("rows", _loop),
        ("tiles", _loop),
        ("groups", _loop),  # step groups
        ("words", _loop),  # target words for each row, tile and step group
        ("taps", _loop),  # taps that are OR-ed into one target word
        ("planes", _planes),
        ("table", _table),  # first tap
        ("mask_tile", _mask),  # masks from one tile to the next
    ),
    Kind.MAC: (
        ("mode", _bits(3)),
        ("gate", _bits(1)),  # attention: entries are K^T V elements, not weights
        ("fold", _bits(1)),  # step lanes hold positions of a still image
        ("soft", _bits(1)),
        ("strict", _bits(1)),
        ("pot", _bits(1)),
        ("in_planes", _planes),
        ("in_signed", _bits(1)),
        ("out_planes", _planes),
        ("gap", _bits(GAP_BITS)),  # least cycles between two finished sums
        ("outputs", _loop),
        ("columns", _loop),
        ("rows", _loop),
        ("tiles", _loop),
        ("groups", _loop),  # step groups seen by the lanes
        ("fold_groups", _loop),  # step groups replayed from one folded sum
        ("last_steps", _steps),  # steps in use in the last step group
        ("last_tokens", _tokens),  # token slots in use in the last tile
        ("shift", _bits(5)),
        ("in_base", _address),
        ("in_x", _address),
        ("in_y", _address),
        ("in_tile", _address),
        ("in_group", _address),
        ("capture_planes", _planes),  # residual: planes and place of the stream that is added to
        ("capture_base", _address),
        ("capture_x", _address),
        ("capture_y", _address),
        ("capture_tile", _address),
        ("capture_group", _address),
        ("out_x", _address),
        ("out_y", _address),
        ("out_tile", _address),
        ("out_group", _address),
        ("out_fold", _address),
        ("head_outputs", _loop),  # attention: outputs of one head (pairs with two streams)
        ("head_rows", _address),  # rows of one head in a bank
        ("head_rest", _bits(5)),  # banks that hold one channel more; 0: all the same
        ("product_output", _product),
        ("product_group", _product),
        ("product_head", _product),
    ),
    Kind.PRODUCT: (
        ("key", _address),
        ("value", _address),
        ("tile_stride", _address),
        ("group_stride", _address),
        ("heads", _loop),
        ("rows", _loop),  # key rows of one head in a bank
        ("channels", _loop),  # channels of one head
        ("tiles", _loop),
        ("groups", _loop),
    ),
    Kind.SELECT: (
        ("tokens", _rank),
        ("keep", _rank),
        ("score_bits", _bits(7)),
        ("table", _table),  # first tap of the plan
        ("mask", _mask),  # first mask of the plan
        ("taps", _loop),  # taps for each target tile
        ("entries", _loop),  # taps in all: target tiles * taps
        ("tile_stride", _address),  # source words from one tile to the next
    ),
}

KIND_BITS = 3


def layout(kind: Kind, structure: Structure) -> dict[str, int]:
    """Field name → width in bits, lowest first, the kind included."""
    fields = {"kind": KIND_BITS}
    for name, width in LAYOUTS[kind]:
        fields[name] = width(structure)
    return fields


def descriptor_words(structure: Structure) -> int:
    """Program words of one descriptor: all kinds take as many as the longest."""
    return max(words_for(sum(layout(kind, structure).values())) for kind in Kind)


@dataclass(frozen=True)
class Descriptor:
    """One step of the accelerator: its kind, its fields, and the IR op it belongs to (``layer``, for reports)."""

    kind: Kind
    layer: str
    fields: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = {name for name, _ in LAYOUTS[self.kind]}
        if set(self.fields) != names:
            raise ValueError(
                f"{self.kind.name} of {self.layer}: fields must be {sorted(names)}, not {sorted(self.fields)}"
            )

    def pack(self, structure: Structure) -> list[int]:
        """32-bit program words, lowest bits first. Raises ``ValueError`` where a field does not fit."""
        value, position = 0, 0
        for name, width in layout(self.kind, structure).items():
            item = int(self.kind) if name == "kind" else int(self.fields[name])
            if not 0 <= item < 1 << width:
                raise ValueError(f"{self.kind.name} of {self.layer}: {name} = {item} does not fit {width} bits")
            value |= item << position
            position += width
        return [(value >> (WORD_BITS * i)) & 0xFFFFFFFF for i in range(descriptor_words(structure))]
