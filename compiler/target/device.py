"""Device: what the compiler must know of an FPGA. Its numbers come from a family in ``boards/families/``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LutModel:
    """A linear model of an accelerator's LUT behind its serial link, one term an idea.

    share: part of a device's LUT that a design may take and still be routed; at_speed: designs up to so many reach the
    boards' clock with room to spare.
    """

    base: float  # control, loader, mover and selector state machines, serial link
    walker: float  # fetch, silence filter and issue of one (stream, bank)
    adder_bit: float  # one bit of one gated adder input
    neuron_bit: float  # one membrane bit of one token slot and stream
    lane_bit: float  # one accumulator bit of one lane and stream: drain and shift registers
    move_lane: float  # one lane of one bank: rotation, masks, write-back
    leak_bit: float  # leaks: one membrane bit of one token slot and stream
    second_walker: float  # a second value: one (stream, bank)
    count_lane: float  # a counting pool: one lane of one bank
    limit_lane: float  # a limited stream: one lane of one stream
    frames: float  # frames: the loader
    share: float
    at_speed: int


@dataclass(frozen=True)
class BlockRam:
    """A family's block RAM.

    shapes: (width, depth) that it can take; small_bits: smaller memories become logic.
    """

    bits: int
    shapes: tuple[tuple[int, int], ...]
    small_bits: int

    @property
    def words(self) -> str:
        """Its size in words."""
        return f"{self.bits // 1024} kbit"

    def blocks(self, width: int, depth: int) -> int:
        """Block RAMs that a memory takes."""
        if width * depth <= self.small_bits:
            return 0
        return min(-(-width // wide) * -(-depth // deep) for wide, deep in self.shapes)


@dataclass(frozen=True)
class Unlimited:
    """No FPGA: anything fits. name: as a board's."""

    name: str


@dataclass(frozen=True)
class Device:
    """What a board's FPGA has.

    name: of the board, for sentences; answer_words: most words of an image's answer, by the serial link.
    """

    name: str
    lut: int
    block_rams: int
    ram: BlockRam
    model: LutModel
    answer_words: int

    @property
    def usable_lut(self) -> float:
        """LUT that a design may take."""
        return self.lut * self.model.share
