"""Operation descriptors: the one description of what the program memory says.

The accelerator walks a list of descriptors. The packer here and the hardware's views (``hdl/views.py``) both come
from ``LAYOUTS``, so they cannot drift.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from spikewright.compiler.target.structure import LARGEST, WORD_BITS, Structure, bits_for, words_for


class Kind(IntEnum):
    """What a descriptor makes the accelerator do."""

    END = 0  # the image is done
    LOAD = 1  # pixels into spike memory
    MOVE = 2  # halo copies, pools, compaction
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


@dataclass(frozen=True)
class Width:
    """How wide a field is in an accelerator of some structure."""

    name: str
    bits: Callable[[Structure], int] = field(compare=False)


ADDRESS = Width("address", lambda s: s.address_bits)
LOOP = Width("loop", lambda s: s.loop_bits)
TOKENS = Width("tokens", lambda s: bits_for(s.shape.tokens))
STEPS = Width("steps", lambda s: bits_for(s.shape.steps))
PLANES = Width("planes", lambda s: bits_for(s.planes))
FRACTION = Width("fraction", lambda s: bits_for(s.fraction_bits))
SHIFT = Width("shift", lambda s: s.shift_bits)
RESIDUAL = Width("residual", lambda s: bits_for(s.residual_planes))
PRODUCT = Width("product", lambda s: bits_for(s.product_depth - 1))
TABLE = Width("table", lambda s: bits_for(s.table_depth - 1))
MASK = Width("mask", lambda s: bits_for(s.mask_depth - 1))
PIXEL = Width("pixel", lambda s: bits_for(s.pixel_depth - 1))
IMAGE_BYTES = Width("image bytes", lambda s: bits_for(s.pixel_depth))
RANK = Width("rank", lambda s: bits_for(s.selector_tokens))


def fixed(bits: int) -> Width:
    """The same in every structure."""
    return Width(f"{bits} bits", lambda _: bits)


#: Bits of the least gap between two finished sums.
GAP_BITS = 12

#: Fields of each kind, first field in the lowest bits, behind the kind itself.
LAYOUTS: Mapping[Kind, tuple[tuple[str, Width], ...]] = {
    Kind.END: (),
    Kind.LOAD: (
        ("base", ADDRESS),  # first word of the image
        ("channel_stride", ADDRESS),  # words from one channel to the next
        ("x_step", ADDRESS),  # words from one column of the sub-tile to the next
        ("y_step", ADDRESS),  # words from the end of one row to the next
        ("tile_stride", ADDRESS),
        ("channels", LOOP),
        ("rows", LOOP),  # rows and columns of positions that a lane holds
        ("columns", LOOP),
        ("tiles", LOOP),
        ("fold", fixed(1)),  # one pixel a lane; else one a token slot, repeated over its steps
        ("slots", LOOP),  # columns of lanes (token slots) that make one image row
        ("used", LOOP),  # lanes (token slots) in use, over all tiles
        ("pixel_x", PIXEL),  # buffer distance from one lane to the next
        ("pixel_wrap", PIXEL),  # the same at the end of an image row of lanes
        ("pixel_column", PIXEL),  # buffer distance from one position to the next
        ("pixel_row", PIXEL),  # from one row of positions to the next
        ("planes", PLANES),
        ("bytes", IMAGE_BYTES),  # of one image, all its frames
        ("framed", fixed(1)),  # every step has a frame: a pixel of each step a token slot
        ("frame", PIXEL),  # buffer distance from one frame to the next
        ("frame_group", PIXEL),  # from one step group to the next
        ("groups", LOOP),  # step groups, the outermost loop
        ("group_stride", ADDRESS),
        ("last_steps", STEPS),  # steps in use in the last step group
    ),
    Kind.MOVE: (
        ("source", ADDRESS),
        ("source_row", ADDRESS),
        ("source_tile", ADDRESS),
        ("source_group", ADDRESS),
        ("target", ADDRESS),
        ("target_row", ADDRESS),
        ("target_tile", ADDRESS),
        ("target_group", ADDRESS),
        ("rows", LOOP),
        ("tiles", LOOP),
        ("groups", LOOP),  # step groups
        ("words", LOOP),  # target words for each row, tile and step group
        ("taps", LOOP),  # taps that are OR-ed into one target word
        ("planes", PLANES),
        ("table", TABLE),  # first tap
        ("mask_tile", MASK),  # masks from one tile to the next
        ("counts", fixed(1)),  # taps are counted, not OR-ed
    ),
    Kind.MAC: (
        ("mode", fixed(3)),
        ("gate", fixed(1)),  # attention: entries are K^T V elements, not weights
        ("fold", fixed(1)),  # step lanes hold positions of a still image
        ("soft", fixed(1)),
        ("strict", fixed(1)),
        ("pot", fixed(1)),
        ("in_planes", PLANES),
        ("in_signed", fixed(1)),
        ("out_planes", PLANES),
        ("gap", fixed(GAP_BITS)),  # least cycles between two finished sums
        ("outputs", LOOP),
        ("columns", LOOP),
        ("rows", LOOP),
        ("tiles", LOOP),
        ("groups", LOOP),  # step groups seen by the lanes
        ("fold_groups", LOOP),  # step groups replayed from one folded sum
        ("last_steps", STEPS),  # steps in use in the last step group
        ("last_tokens", TOKENS),  # token slots in use in the last tile
        ("shift", SHIFT),
        ("in_base", ADDRESS),
        ("in_x", ADDRESS),
        ("in_y", ADDRESS),
        ("in_tile", ADDRESS),
        ("in_group", ADDRESS),
        ("capture_planes", PLANES),  # planes and place of the stream that is added to, or of the second value
        ("capture_base", ADDRESS),
        ("capture_x", ADDRESS),
        ("capture_y", ADDRESS),
        ("capture_tile", ADDRESS),
        ("capture_group", ADDRESS),
        ("out_x", ADDRESS),
        ("out_y", ADDRESS),
        ("out_tile", ADDRESS),
        ("out_group", ADDRESS),
        ("out_fold", ADDRESS),
        ("head_outputs", LOOP),  # attention: outputs of one head (pairs with two streams)
        ("head_rows", ADDRESS),  # rows of one head in a bank
        ("head_rest", fixed(5)),  # banks that hold one channel more; 0: all the same
        ("head_odd", fixed(1)),  # the last output of a head stands alone: the other stream is idle
        ("product_output", PRODUCT),
        ("product_group", PRODUCT),
        ("product_head", PRODUCT),
        ("second_pot", fixed(1)),  # codes of the second value are powers of two
        ("second_signed", fixed(1)),
        ("coarse", FRACTION),  # bits by which the layer's grid is coarser than the engine's
        ("limit", RESIDUAL),  # planes of the greatest sum of a residual addition that saturates; 0: none
    ),
    Kind.PRODUCT: (
        ("key", ADDRESS),
        ("value", ADDRESS),
        ("tile_stride", ADDRESS),
        ("group_stride", ADDRESS),
        ("heads", LOOP),
        ("rows", LOOP),  # key rows of one head in a bank
        ("channels", LOOP),  # value channels of one head
        ("tiles", LOOP),
        ("groups", LOOP),
        ("value_rows", ADDRESS),  # of the values, where they have other channels than the keys
        ("value_tile", ADDRESS),
        ("value_group", ADDRESS),
    ),
    Kind.SELECT: (
        ("tokens", RANK),
        ("keep", RANK),
        ("score_bits", fixed(7)),
        ("table", TABLE),  # first tap of the plan
        ("mask", MASK),  # first mask of the plan
        ("taps", LOOP),  # taps for each target tile
        ("entries", LOOP),  # taps in all: target tiles * taps
        ("source_tile", ADDRESS),  # words from one tile to the next, of what is compacted
        ("target_tile", ADDRESS),  # and of what is left
    ),
}

KIND_BITS = 3


@dataclass(frozen=True)
class Option:
    """Fields of a kind that only structures with a flag have.

    absent: field → what a descriptor does where the structure has not the field: as another field says, or a number.
    """

    kind: Kind
    absent: Mapping[str, str | int]

    def used(self, fields: Mapping[str, int]) -> bool:
        """Whether a descriptor asks for more than a structure without the fields does."""
        return any(fields[name] != self.without(name, fields) for name in self.absent)

    def without(self, name: str, fields: Mapping[str, int]) -> int:
        """What one of the fields is where the structure has it not."""
        same = self.absent[name]
        return fields[same] if isinstance(same, str) else same


#: Flag of a structure → the fields that it brings.
OPTIONS: Mapping[str, Option] = {
    "leaks": Option(Kind.MAC, {"coarse": 0}),
    "second": Option(Kind.MAC, {"second_pot": 0, "second_signed": 0}),
    "limited": Option(Kind.MAC, {"limit": 0}),
    "frames": Option(
        Kind.LOAD, {"framed": 0, "frame": 0, "frame_group": 0, "groups": 1, "group_stride": 0, "last_steps": 0}
    ),
    "counting": Option(Kind.MOVE, {"counts": 0}),
    "value_channels": Option(
        Kind.PRODUCT, {"value_rows": "rows", "value_tile": "tile_stride", "value_group": "group_stride"}
    ),
}

#: Strides of each kind, and the loops that take them: where these run once, nothing is added.
STRIDES: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    Kind.LOAD: {
        "channel_stride": ("channels",),
        "x_step": ("columns",),
        "y_step": ("rows",),
        "tile_stride": ("tiles",),
        "pixel_x": ("slots",),
        "pixel_column": ("columns",),
        "pixel_row": ("rows",),
        "group_stride": ("groups",),
        "frame_group": ("groups",),
    },
    Kind.MOVE: {
        **{f"{side}_{loop}": (f"{loop}s",) for side in ("source", "target") for loop in ("row", "tile", "group")},
        "mask_tile": ("tiles",),
    },
    Kind.MAC: {
        **{
            f"{side}_{stride}": (loop,)
            for side in ("in", "capture", "out")
            for stride, loop in (("x", "columns"), ("y", "rows"), ("tile", "tiles"), ("group", "groups"))
        },
        "out_group": ("groups", "fold_groups"),
        "product_group": ("groups",),
    },
    Kind.PRODUCT: {
        "tile_stride": ("tiles",),
        "group_stride": ("groups",),
        "value_tile": ("tiles",),
        "value_group": ("groups",),
    },
}


def without_idle_strides(kind: Kind, fields: Mapping[str, int]) -> dict[str, int]:
    """Fields of a descriptor, with 0 for strides of loops that run once: they need not fit anywhere."""
    idle = {stride for stride, loops in STRIDES.get(kind, {}).items() if all(fields[loop] == 1 for loop in loops)}
    return {name: 0 if name in idle else value for name, value in fields.items()}


def absent(kind: Kind, structure: Structure) -> dict[str, Option]:
    """The fields of a kind that a structure has not."""
    missing = [option for flag, option in OPTIONS.items() if option.kind is kind and not getattr(structure, flag)]
    return {name: option for option in missing for name in option.absent}


def layout(kind: Kind, structure: Structure) -> dict[str, int]:
    """Field name → width in bits, lowest first, the kind included."""
    missing = absent(kind, structure)
    fields = {"kind": KIND_BITS}
    for name, width in LAYOUTS[kind]:
        if name not in missing:
            fields[name] = width.bits(structure)
    return fields


def descriptor_words(structure: Structure) -> int:
    """Program words of one descriptor: all kinds take as many as the longest."""
    return max(words_for(sum(layout(kind, structure).values())) for kind in Kind)


def no_fields(kind: Kind) -> dict[str, int]:
    """All fields of a kind, 0."""
    return {name: 0 for name, _ in LAYOUTS[kind]}


@dataclass(frozen=True)
class Descriptor:
    """One operation of the accelerator.

    layer: the IR op that it belongs to, for reports; fields: all of its kind.
    """

    kind: Kind
    layer: str
    fields: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = no_fields(self.kind)
        if set(self.fields) != set(names):
            raise ValueError(
                f"{self.kind.name} of {self.layer}: fields must be {sorted(names)}, not {sorted(self.fields)}"
            )

    def pack(self, structure: Structure) -> list[int]:
        """32-bit program words, lowest bits first. Raises ``ValueError`` where a field does not fit."""
        value, position = 0, 0
        for name, option in absent(self.kind, structure).items():
            if self.fields[name] != option.without(name, self.fields):
                raise ValueError(f"{self.kind.name} of {self.layer}: the structure has no field {name}")
        for name, width in layout(self.kind, structure).items():
            number = int(self.kind) if name == "kind" else int(self.fields[name])
            if not 0 <= number < 1 << width:
                raise ValueError(f"{self.kind.name} of {self.layer}: {name} = {number} does not fit {width} bits")
            value |= number << position
            position += width
        return [(value >> (WORD_BITS * i)) & 0xFFFFFFFF for i in range(descriptor_words(structure))]


def cover(structures: Iterable[Structure]) -> Structure:
    """The least structure that holds all of ``structures``, which share one shape."""
    members = list(structures)
    shapes = {member.shape for member in members}
    if len(shapes) != 1:
        raise ValueError(f"structures of one shape are needed, not {len(shapes)} shapes")
    largest = {name: max(getattr(member, name) for member in members) for name in LARGEST}
    least = Structure(shape=members[0].shape, score_drop=min(member.score_drop for member in members), **largest)
    if least.score_bits - least.score_drop > WORD_BITS:
        least = dataclasses.replace(least, wide_scores=1)
    # wider fields make longer descriptors
    descriptors = max(member.program_depth // descriptor_words(member) for member in members)
    return dataclasses.replace(least, program_depth=descriptors * descriptor_words(least))
