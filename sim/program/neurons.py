"""The interpreter's neurons: what becomes of a MAC's finished sums, tick by tick of the hardware's control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from spikewright.compiler.target.descriptors import Mode
from spikewright.cost.rows import LEAK_BITS
from spikewright.hdl.nest import Place
from spikewright.sim.program.image import Array, ProgramImage
from spikewright.sim.program.mac import Sums
from spikewright.sim.program.memory import Memories, ProgramFault

Fields = Mapping[str, int]


def need_bits(values: Array, bits: int, what: str) -> None:
    """ProgramFault where signed values do not fit: hardware would wrap around."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if not -(1 << bits - 1) <= low <= high < 1 << bits - 1:
        raise ProgramFault(f"{what} of {low} to {high} does not fit {bits} bits")


@dataclass(eq=False)
class Finished:
    """What a MAC has handed out.

    words: finished spike words of one step group, uint8 [B, places, outputs, lanes]; totals: sums over the steps, int64
    [B, places, outputs, tokens], tokens not in use 0; in_use: tokens of each place; written: sum (place · outputs +
    output), bank and address of every word written.
    """

    words: list[Array] = field(default_factory=list)
    totals: list[Array] = field(default_factory=list)
    in_use: list[int] = field(default_factory=list)
    written: list[tuple[Array, Array, Array]] = field(default_factory=list)


class Neurons:
    """LIF array, residual addition and write-back of one MAC descriptor; its outputs' rows begin at ``first``."""

    def __init__(self, image: ProgramImage, memories: Memories, fields: Fields, first: int) -> None:
        s = self.structure = image.structure
        self.memories, self.fields = memories, fields
        rows = slice(first, first + fields["outputs"])
        neurons = {name: values[rows].reshape(-1) for name, values in image.neurons.items()}
        # numbers of more than 64 bits, before a leak is divided by 16, are Python's own
        self.kind = np.dtype(np.int64 if max(s.membrane_bits, s.score_bits) + LEAK_BITS < 63 else object)
        self.bias, self.threshold = (neurons[n][:, None].astype(self.kind) for n in ("bias", "threshold"))
        self.target, self.bank = neurons["target"], neurons["bank"]
        self.leak: Array | int = neurons["leak"][:, None] if s.leaks else 8
        self.enabled = np.flatnonzero(neurons["enable"])
        self.blocks = image.blocks
        self.places = self.blocks.nest.places(fields, "out")
        self.finished = Finished()
        for pair in self.bank.reshape(-1, s.shape.streams)[neurons["enable"].reshape(-1, s.shape.streams).all(axis=1)]:
            if fields["out_planes"] and len(set(pair.tolist())) < len(pair):
                raise ProgramFault(f"two streams write bank {pair[0]} at once")

    def take(self, sums: Sums) -> None:
        """Finish the sums of some places: every run of step groups of one tile."""
        s, fields = self.structure, self.fields
        shape, groups = s.shape, fields["groups"]
        need_bits(sums.lanes, s.accumulator_bits, "a sum")
        count, places, outputs, _ = sums.lanes.shape
        rows = sums.lanes.reshape(count, places // groups, groups, outputs, shape.tokens, shape.steps)
        numbers = np.arange(sums.places.start, sums.places.stop)
        u = np.zeros((count, places // groups, outputs, shape.tokens), self.kind)
        word = np.zeros((*u.shape, shape.steps), np.uint8)
        for group in range(groups):
            step, first = 0, self.places[numbers[group]]
            captured = [planes[:, group::groups] for planes in sums.captured]
            for tick in self.blocks.control.ticks(fields, first):
                if tick.valid:
                    row = rows[:, :, group, :, :, step].astype(self.kind, copy=False)
                    fires, u = self.blocks.lif.step_model(
                        u, row, bias=self.bias, threshold=self.threshold, soft=bool(fields["soft"] & s.soft_reset),
                        strict=bool(fields["strict"] & s.strict_compare), first=tick.first, add=tick.add,
                        leak=(self.leak if tick.fire else 8) if tick.leak else 16,
                        coarse=fields["coarse"], fire=tick.fire,
                    )  # fmt: skip
                    if tick.spike or not tick.fire:  # past the last step, nobody reads what wraps around
                        need_bits(u, s.membrane_bits, "a membrane")
                    word = np.concatenate((word[..., 1:], (fires & tick.spike)[..., None].astype(np.uint8)), axis=-1)
                if tick.shift:
                    step = min(step + 1, shape.steps - 1)
                if tick.offset is not None:
                    self._write(numbers[group::groups], tick.offset - first.addr, word, u, captured)
        if fields["mode"] in (Mode.SCORE, Mode.HEAD):
            in_use = [self._in_use(self.places[number]) for number in numbers[groups - 1 :: groups]]
            slots = np.arange(shape.tokens)[None, None, None, :] < np.array(in_use)[None, :, None, None]
            self.finished.totals.append(np.where(slots, u, 0))
            self.finished.in_use += in_use

    def _in_use(self, place: Place) -> int:
        return self.fields["last_tokens"] if place.last_tile else self.structure.shape.tokens

    def _write(self, numbers: Array, extra: int, word: Array, u: Array, captured: list[Array]) -> None:
        """One finished word of each place and output.

        numbers: of the places; extra: what is added to their addresses; word: [B, places, outputs, tokens, S].
        """
        s, fields, mode = self.structure, self.fields, Mode(self.fields["mode"])
        spikes = word.reshape(*word.shape[:-2], s.shape.lanes)
        places = [self.places[number] for number in numbers]
        in_use = np.array([self._in_use(place) for place in places])
        for tokens in set(in_use.tolist()):
            at = np.flatnonzero(in_use == tokens)
            planes = self.blocks.writer.model(
                mode, tokens, spikes=spikes[:, at], membrane=u[:, at],
                residual=[plane[:, at] for plane in captured], limit=fields["limit"],
            )  # fmt: skip
            offsets = np.array([places[i].addr + extra for i in at])
            address = (offsets[:, None] + self.target[self.enabled]) % (1 << s.address_bits)
            bank = np.broadcast_to(self.bank[self.enabled], address.shape)
            chosen = [plane[:, :, self.enabled] for plane in planes[: fields["out_planes"]]]
            self.memories.write(bank, address, chosen)
            maker = numbers[at, None] * len(self.target) + self.enabled
            self.finished.written += [(maker, bank, address + plane) for plane in range(len(chosen))]
        if mode in (Mode.SPIKE, Mode.RESIDUAL):
            lanes = np.arange(s.shape.lanes) < in_use[:, None, None] * s.shape.steps
            self.finished.words.append(spikes * lanes)
