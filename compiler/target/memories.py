"""Memories: name, width and depth of every memory of an accelerator, and the block RAM it takes.

The packer writes the images of those with contents, the hardware makes its instances from them, fitting counts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikewright.compiler.target.device import BlockRam
from spikewright.compiler.target.rows import count_row, entry_row, neuron_row, tap_row
from spikewright.compiler.target.structure import WORD_BITS, Structure
from spikewright.cost.rows import ROW_ENTRIES


@dataclass(frozen=True)
class Memory:
    """One memory instance.

    use: what it is counted as; file: where its first contents come from, None without.
    """

    name: str
    use: str
    width: int
    depth: int
    file: str | None = None

    @property
    def bits(self) -> int:
        return self.width * self.depth


def _with_contents(name: str, use: str, width: int, depth: int) -> Memory:
    return Memory(name, use, width, depth, f"{name}.hex")


def weight_rom(s: Structure, stream: int, bank: int) -> Memory:
    """Weight entries of one walker."""
    return _with_contents(f"weights_{stream}_{bank}", "weights", ROW_ENTRIES * entry_row(s).bits, s.rom_depth)


def count_rom(s: Structure) -> Memory:
    """Lengths of the lists of the walkers."""
    return _with_contents("counts", "counts", s.shape.walkers * count_row(s).bits, s.outputs)


def neuron_rom(s: Structure) -> Memory:
    """Neuron parameters and destinations of the streams' outputs."""
    return _with_contents("neurons", "neurons", s.shape.streams * neuron_row(s).bits, s.neurons)


def program_rom(s: Structure) -> Memory:
    """The descriptors."""
    return _with_contents("program", "program", WORD_BITS, s.program_depth)


def pixel_rom(s: Structure) -> Memory:
    """The input table, 256 codes a channel."""
    return _with_contents("pixels", "pixels", s.image_bits, 256 * s.image_channels)


def tap_table(s: Structure) -> Memory:
    """The mover's taps; the token selector writes its plan behind them."""
    return _with_contents("taps", "taps", tap_row(s).bits, s.table_depth)


def mask_table(s: Structure) -> Memory:
    """The mover's lane masks; the token selector writes its own behind them."""
    return _with_contents("masks", "masks", s.shape.lanes, s.mask_depth)


def image_buffer(s: Structure) -> Memory:
    """The codes of the next image."""
    return Memory("image", "image", s.image_bits, s.pixel_depth)


def score_buffer(s: Structure) -> Memory:
    """Scores of the tokens that a selector ranks."""
    return Memory("selector_scores", "selector_scores", s.membrane_bits, max(2, s.selector_tokens))


def score_list(s: Structure) -> Memory:
    """Class scores of an answer."""
    return Memory("scores", "scores", WORD_BITS * s.score_words, s.result_depth)


def counter_list(s: Structure) -> Memory:
    """Counters of an answer."""
    return Memory("counters", "counters", WORD_BITS, s.result_depth)


def spike_bank(s: Structure, walker: int = 0) -> Memory:
    """A bank of spike words, one copy for each stream."""
    return Memory(f"spikes_{walker}", "spikes", s.shape.lanes, s.bank_depth)


def product_bank(s: Structure, walker: int = 0) -> Memory:
    """A bank of K^T V elements, one copy for each stream."""
    return Memory(f"products_{walker}", "products", s.product_bits * s.shape.steps, s.product_depth)


def silence_bank(s: Structure, walker: int = 0, port: int = 0) -> Memory:
    """Silence bits of a spike bank, for one of a walker's two look-ups."""
    return Memory(f"silence_{walker}_{port}", "silence", s.planes, s.bank_depth)


def with_contents(s: Structure) -> list[Memory]:
    """The memories whose contents come from a file: what a program fills."""
    shape = s.shape
    weights = [weight_rom(s, stream, bank) for stream in range(shape.streams) for bank in range(shape.banks)]
    return [*weights, *(memory(s) for memory in (count_rom, neuron_rom, program_rom, pixel_rom, tap_table, mask_table))]


def memories(s: Structure) -> list[Memory]:
    """Every memory instance of the accelerator."""
    walkers = range(s.shape.walkers)
    silence = [silence_bank(s, w, port) for w in walkers for port in range(2)] if s.shape.skip else []
    return [
        *with_contents(s),
        image_buffer(s),
        score_buffer(s),
        score_list(s),
        counter_list(s),
        *(spike_bank(s, w) for w in walkers),
        *(product_bank(s, w) for w in walkers),
        *silence,
    ]


def block_ram(structure: Structure, ram: BlockRam) -> dict[str, int]:
    """Block RAMs of the accelerator behind its link, by use; memories that need none are left out."""
    uses: dict[str, int] = {"link": ram.blocks(8, structure.pixel_depth)}  # a whole image, until its CRCs are known
    for memory in memories(structure):
        uses[memory.use] = uses.get(memory.use, 0) + ram.blocks(memory.width, memory.depth)
    return {use: count for use, count in uses.items() if count}
