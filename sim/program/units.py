"""The interpreter's LOAD, MOVE, PRODUCT and SELECT: the blocks' models on the memories."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikewright.sim.program.image import Array, ProgramImage, lanes_of
from spikewright.sim.program.memory import Memories, ProgramFault

Fields = Mapping[str, int]


def load(image: ProgramImage, memories: Memories, fields: Fields, pixels: Array) -> None:
    """Bytes uint8 [B, bytes] through the input table into all banks."""
    if fields["bytes"] != pixels.shape[-1]:
        raise ProgramFault(f"takes {fields['bytes']} bytes of an image of {pixels.shape[-1]}")
    channels = np.arange(pixels.shape[-1]) % fields["channels"]
    codes = image.table[channels, pixels]
    banks = np.arange(image.structure.shape.banks)
    for address, planes in image.blocks.loader.model(fields, codes):
        memories.write(banks, np.full_like(banks, address), [plane[:, None] for plane in planes])


def move(image: ProgramImage, memories: Memories, fields: Fields) -> None:
    """Words of words, in the order of the hardware."""
    banks = np.arange(image.structure.shape.banks)
    # what a selector planned differs from image to image
    planned = fields["table"] + fields["words"] * fields["taps"] > len(image.taps)
    for own in memories.each() if planned else [memories]:
        for address, planes in image.blocks.mover.model(fields, own.taps[0], own.masks[0], own.read):
            own.write(banks, np.full_like(banks, address), planes)


def multiply(image: ProgramImage, memories: Memories, fields: Fields) -> None:
    """K^T V of some heads into the product banks."""
    s = image.structure
    # rows that fill up a head hold anything, and may lie beyond the bank: no list names what comes of them
    for address, elements in image.blocks.attention.model(fields, memories.read_anything).items():
        if address >= s.product_depth:
            raise ProgramFault(f"writes product {address} of {s.product_depth}")
        memories.products[:, :, address] = elements & (1 << s.product_bits) - 1


def select(image: ProgramImage, memories: Memories, fields: Fields, scores: Array) -> Array:
    """Rank the tokens by scores [B, tokens], write the plan into the tables; the kept tokens, [B, keep]."""
    unit, lanes = image.blocks.selector, image.structure.shape.lanes
    if scores.shape[-1] != fields["tokens"]:
        raise ProgramFault(f"ranks {fields['tokens']} tokens, but {scores.shape[-1]} have a score")
    kept = np.array([unit.model(row, fields["keep"]) for row in scores.tolist()])
    for number, row in enumerate(kept.tolist()):
        taps, masks = unit.plan(fields, row)
        memories.plan(number, fields["table"], taps, fields["mask"], lanes_of(masks, lanes))
    return kept
