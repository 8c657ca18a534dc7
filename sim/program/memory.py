"""The interpreter's memories: spike words, silence bits, products and tables, for some images side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spikewright.errors import CompilerFault
from spikewright.sim.program.image import Array, ProgramImage


class ProgramFault(CompilerFault):
    """A program does what no right program does, or not what its network does; the text is one sentence."""


class Memories:
    """What an accelerator holds while it works on images, the first axis of everything.

    Words that nothing has written hold noise from a fixed seed, other noise for each image, as a board's memory does:
    what reads them gives a wrong value, not 0. words: uint8 [B, banks, depth, lanes]; live: bool [B, banks, depth,
    planes], silence bits by the address of plane 0; products: int64 [B, banks, depth, S]; taps, masks: the mover's
    tables of each image.
    """

    def __init__(self, image: ProgramImage, images: int) -> None:
        s = self.structure = image.structure
        banks, lanes, steps = s.shape.banks, s.shape.lanes, s.shape.steps
        rng = np.random.default_rng(0)
        self.words = rng.integers(2, size=(images, banks, s.bank_depth, lanes), dtype=np.uint8)
        self.live = rng.integers(2, size=(images, banks, s.bank_depth, s.planes), dtype=np.uint8).astype(bool)
        self.products = rng.integers(1 << s.product_bits, size=(images, banks, s.product_depth, steps))
        self.taps: Sequence[list[dict[str, int]]] = [list(image.taps) for _ in range(images)]
        self.masks = np.zeros((images, s.mask_depth, lanes), np.uint8)
        self.masks[:, : len(image.masks)] = image.masks

    def each(self) -> Iterator[Memories]:
        """Those of one image after the other; what is written there is written here."""
        for i in range(len(self.words)):
            one = object.__new__(Memories)
            one.structure, part = self.structure, slice(i, i + 1)
            one.words, one.live, one.products = self.words[part], self.live[part], self.products[part]
            one.taps, one.masks = self.taps[part], self.masks[part]
            yield one

    def check(self, address: Array | int, verb: str) -> None:
        """ProgramFault where an address lies beyond the bank."""
        highest = int(np.max(address, initial=0))
        if highest >= self.structure.bank_depth:
            raise ProgramFault(f"{verb} word {highest} of a bank of {self.structure.bank_depth}")

    def read(self, address: int) -> Array:
        """The words of all banks at an address, uint8 [B, banks, lanes]."""
        self.check(address, "reads")
        return self.words[:, :, address]

    def words_at(self, banks: Array, address: Array) -> Array:
        """Words of banks and addresses of one shape, uint8 [B, *shape, lanes]."""
        return self.words[:, banks, address]

    def read_anything(self, address: int) -> Array:
        """As ``read``, where an address beyond the bank gives what stands elsewhere."""
        return self.words[:, :, address % self.structure.bank_depth]

    def write(self, banks: Array, address: Array, planes: Sequence[Array]) -> None:
        """Values at addresses of their plane 0, and their silence bits.

        banks, address: of one shape; planes: of each plane, a word for each of them, uint8 [B, ..., lanes].
        """
        self.check(address + (len(planes) - 1), "writes")
        live = np.zeros((len(self.words), *banks.shape, self.structure.planes), bool)
        for plane, words in enumerate(planes):
            self.words[:, banks, address + plane] = words
            live[..., plane] = words.any(axis=-1)
        self.live[:, banks, address] = live

    def plan(self, image: int, table: int, taps: Sequence[dict[str, int]], mask: int, masks: Array) -> None:
        """Write an image's taps and masks behind the static ones, at their numbers."""
        own = self.taps[image]
        nothing = {"source": 0, "target": 0, "rotate": 0, "mask": 0}
        own += [nothing] * (table + len(taps) - len(own))
        own[table : table + len(taps)] = taps
        self.masks[image, mask : mask + len(masks)] = masks
