"""Runs a program image on images, descriptor by descriptor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.compiler.target.structure import WORD_BITS
from spikewright.sim.program.image import Array, ProgramImage
from spikewright.sim.program.mac import ListReader, MacReader
from spikewright.sim.program.memory import Memories, ProgramFault
from spikewright.sim.program.neurons import Finished, Neurons, need_bits
from spikewright.sim.program.units import load, move, multiply, select

Fields = Mapping[str, int]


@dataclass(frozen=True, eq=False)
class DescriptorDone:
    """A descriptor that is done.

    finished: what a MAC handed out; kept: tokens that a selector kept, [B, keep].
    """

    number: int
    memories: Memories
    finished: Finished | None = None
    kept: Array | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """scores: int64 [B, classes], on the engine's grid; issued, skipped: (entry, plane) pairs, int64 [B, descriptors].

    Pairs of descriptors that read no lists are 0; END is left out.
    """

    scores: Array
    issued: Array
    skipped: Array


def execute(
    image: ProgramImage, pixels: Array, observe: Callable[[DescriptorDone], None] = lambda done: None
) -> Answer:
    """Run uint8 images [B, bytes] through a program; ``observe`` sees every descriptor done, in order.

    ProgramFault where the program does what no right one does: addresses beyond a bank, sums beyond their width, a word
    overwritten that is still read.
    """
    return _Run(image, pixels).all(observe)


class _Run:
    def __init__(self, image: ProgramImage, pixels: Array) -> None:
        self.image, self.pixels = image, pixels
        self.memories = Memories(image, len(pixels))
        self.lists, self.neuron = ListReader(image), 0
        self.token_scores: Array = np.zeros((len(pixels), 0), np.int64)
        self.scores: list[Array] = []

    def all(self, observe: Callable[[DescriptorDone], None]) -> Answer:
        issued, skipped = [], []
        for number, (kind, fields) in enumerate(self.image.descriptors):
            if kind is Kind.END:
                break
            try:
                done, own, left_out = self._descriptor(number, kind, fields)
            except ProgramFault as fault:
                raise ProgramFault(f"descriptor {number}, a {kind.name}, {fault.fault}") from None
            issued.append(own)
            skipped.append(left_out)
            observe(done)
        return Answer(np.concatenate(self.scores, axis=1), np.stack(issued, axis=1), np.stack(skipped, axis=1))

    def _descriptor(self, number: int, kind: Kind, fields: Fields) -> tuple[DescriptorDone, Array, Array]:
        image, memories = self.image, self.memories
        nothing, finished, kept = np.zeros(len(self.pixels), np.int64), None, None
        if kind is Kind.LOAD:
            load(image, memories, fields, self.pixels)
        elif kind is Kind.MOVE:
            move(image, memories, fields)
        elif kind is Kind.PRODUCT:
            multiply(image, memories, fields)
        elif kind is Kind.SELECT:
            kept = select(image, memories, fields, self.token_scores)
        else:
            finished, reader = self._mac(fields)
            return DescriptorDone(number, memories, finished), reader.issued, reader.pairs - reader.issued
        return DescriptorDone(number, memories, finished, kept), nothing, nothing

    def _mac(self, fields: Fields) -> tuple[Finished, MacReader]:
        reader = MacReader(self.image, self.memories, fields, self.lists)
        neurons = Neurons(self.image, self.memories, fields, self.neuron)
        self.neuron += fields["outputs"]
        for sums in reader.sums():
            neurons.take(sums)
        finished = neurons.finished
        _check_overwriting(reader, finished)
        if fields["mode"] == Mode.SCORE:
            totals = np.concatenate(finished.totals, axis=1)[:, :, 0]  # those of the first output
            rows = [totals[:, i, :tokens] for i, tokens in enumerate(finished.in_use)]
            self.token_scores = np.concatenate(rows, axis=1)
        elif fields["mode"] == Mode.HEAD:
            totals = np.concatenate(finished.totals, axis=1).sum(axis=(1, 3))[:, neurons.enabled]
            structure = self.image.structure
            need_bits(totals, structure.score_bits, "a class score")
            leaving = totals >> structure.score_drop
            need_bits(leaving, WORD_BITS * structure.score_words, "a class score that leaves")
            self.scores.append(leaving.astype(np.int64))
        return finished, reader


def _check_overwriting(reader: MacReader, finished: Finished) -> None:
    """ProgramFault where a MAC writes a word that it reads: only a sum's own words of the stream may be."""
    nobody = -1
    writer = np.full((reader.structure.shape.banks, reader.structure.bank_depth), nobody)
    for maker, bank, address in finished.written:
        writer[bank, address] = maker
    if any((writer[bank, address] != nobody).any() for bank, address in reader.read):
        raise ProgramFault("writes a word that it still reads")
    for maker, bank, address in reader.captured:
        others = writer[bank, address]
        if ((others != nobody) & (others != maker)).any():
            raise ProgramFault("writes a word of the stream that another sum still adds to")
