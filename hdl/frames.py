"""Frame placement: where in the image buffer the pixel of each step lane lies, where every step has a frame."""

from collections.abc import Iterator

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.structure import Structure, bits_for
from spikewright.hdl.memory import check_structure


class FramePlacement(wiring.Component):
    """Walks the steps of a token slot, slot after slot, and the step groups of an image, the slowest.

    ``offset`` is what the pixel's frame adds to its place in the first frame. ``advance`` goes to the next step, after
    the last one to the first of the next slot; ``next_group`` to the next step group. ``start`` goes to the first of
    all, and wins. No latency, a step a cycle. Reset: the first step. Overflow cannot happen: the offsets of steps that
    exist lie in the buffer, others wrap and are not used.
    """

    latency = 0

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        pixel = bits_for(structure.pixel_depth - 1)
        super().__init__(
            {
                #: Go to the first step of the first group.
                "start": In(1),
                #: Go to the next step.
                "advance": In(1),
                #: Go to the next step group.
                "next_group": In(1),
                #: Bytes of a frame.
                "frame": In(pixel),
                #: Bytes of a step group's frames.
                "group": In(pixel),
                #: The group is the image's last.
                "last_group": In(1),
                #: Steps that exist in the last group.
                "last_steps": In(bits_for(structure.shape.steps)),
                #: Bytes from the first frame to that of the step.
                "offset": Out(pixel),
                #: The step exists.
                "exists": Out(1),
                #: The step is the last of a slot.
                "last": Out(1),
            }
        )

    @staticmethod
    def model(steps: int, *, frame: int, groups: int, last_steps: int) -> Iterator[list[tuple[int, bool]]]:
        """For each group of ``steps`` steps, offset of each step, and whether it exists."""
        for group in range(groups):
            exist = last_steps if group == groups - 1 else steps
            yield [((group * steps + step) * frame, step < exist) for step in range(steps)]

    def elaborate(self, platform: object) -> Module:
        steps = self.structure.shape.steps
        m = Module()
        step = Signal(range(max(2, steps)))
        base = Signal.like(self.offset)  # of the group's first step
        m.d.comb += [
            self.last.eq(step == steps - 1),
            self.exists.eq(~self.last_group | (step < self.last_steps)),
        ]
        with m.If(self.start):
            m.d.sync += [step.eq(0), base.eq(0), self.offset.eq(0)]
        with m.Elif(self.next_group):
            m.d.sync += [step.eq(0), base.eq(base + self.group), self.offset.eq(base + self.group)]
        with m.Elif(self.advance):
            m.d.sync += [
                step.eq(Mux(self.last, 0, step + 1)),
                self.offset.eq(Mux(self.last, base, self.offset + self.frame)),
            ]
        return m
