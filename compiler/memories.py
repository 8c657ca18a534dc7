"""Memories: every memory of an accelerator of some structure, and the block RAM it takes."""

from __future__ import annotations

from dataclasses import dataclass

from .structure import WORD_BITS, Structure, bits_for

#: (width, depth) of the shapes of an ECP5 block RAM (DP16KD, 18 432 bits).
ECP5_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))

#: Memories of so few bits become distributed RAM or logic.
SMALL_BITS = 1024


@dataclass(frozen=True)
class Memory:
    """One memory instance. rom: contents from a file, never written."""

    name: str
    width: int
    depth: int
    rom: bool = False

    @property
    def bits(self) -> int:
        return self.width * self.depth

    @property
    def blocks(self) -> int:
        """ECP5 block RAMs."""
        if self.bits <= SMALL_BITS:
            return 0
        return min(-(-self.width // width) * -(-self.depth // depth) for width, depth in ECP5_SHAPES)


def memories(structure: Structure) -> list[Memory]:
    """Every memory instance of the accelerator."""
    s, shape = structure, structure.shape
    walkers = shape.streams * shape.banks
    found = [
        Memory(f"weights_{w // shape.banks}_{w % shape.banks}", s.row_bits, s.rom_depth, True) for w in range(walkers)
    ]
    tap = 2 * s.address_bits + bits_for(shape.lanes - 1) + bits_for(s.mask_depth - 1)
    found += [
        Memory("counts", walkers * s.count_bits, s.outputs, True),
        Memory("neurons", shape.streams * s.neuron_bits, s.neurons, True),
        Memory("program", WORD_BITS, s.program_depth, True),
        Memory("pixels", s.image_bits, 256 * s.image_channels, True),
        Memory("taps", tap, s.table_depth),
        Memory("masks", shape.lanes, s.mask_depth),
        Memory("image", s.image_bits, s.pixel_depth),
        Memory("selector_scores", s.membrane_bits, max(2, s.selector_tokens)),
        Memory("scores", WORD_BITS, s.result_depth),
        Memory("counters", WORD_BITS, s.result_depth),
    ]
    found += [Memory(f"spikes_{w}", shape.lanes, s.bank_depth) for w in range(walkers)]
    found += [Memory(f"products_{w}", s.product_bits * shape.steps, s.product_depth) for w in range(walkers)]
    if shape.skip:
        found += [Memory(f"silence_{w}_{i}", s.planes, s.bank_depth) for w in range(walkers) for i in range(2)]
    return found


def block_ram(structure: Structure) -> dict[str, int]:
    """Block RAMs by use; memories that need none are left out."""
    uses: dict[str, int] = {}
    for memory in memories(structure):
        use = memory.name.partition("_")[0] if memory.name != "selector_scores" else memory.name
        uses[use] = uses.get(use, 0) + memory.blocks
    return {use: count for use, count in uses.items() if count}
