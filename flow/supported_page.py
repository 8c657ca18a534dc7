"""The page docs/supported.md.

Renewed by ``python -m spikewright.flow.supported_page > docs/supported.md``, which takes two minutes: every network
of the last table is compiled for every board.
"""

from __future__ import annotations

from pathlib import Path

from spikewright.boards.registry import real_boards
from spikewright.boards.schema import Board
from spikewright.compiler.fit import Choice
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages.run import task_of
from spikewright.flow.fitting import fitted
from spikewright.flow.importing.supported import tables
from spikewright.flow.weights import count_weights
from spikewright.models.package import Package, read_package
from spikewright.models.package_schema import SCHEME_BITS

PACKAGES = Path("packages")
#: Network → the recipe that it comes from, untrained: what fits does not depend on the values of dense weights.
DENSE = "2 blocks of width 64 before compression"
DENSE_RECIPE = 'name: dense\ndata: digits\nconstraints:\n  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}\n'

HEAD = f"""# What is supported

Everything that [a package](package.md) may hold is compiled, generated, simulated and compared; what a board is too
small for, the compiler refuses in one sentence that says what is missing. `spikewright compress --dry-run` says the
same before anything is trained. This page is drawn: `python -m spikewright.flow.supported_page > docs/supported.md`.

Weights of {SCHEME_BITS["uniform"][0]} to {SCHEME_BITS["uniform"][-1]} bits uniform or {SCHEME_BITS["pot"][0]} to
{SCHEME_BITS["pot"][-1]} bits power of two, by layer; thresholds and biases by channel; hard and soft reset; firing at
the threshold or above it; 1 to 64 timesteps; images of 1 to 8 bits; any number of heads; token selectors.

What costs hardware is a flag of the structure (`compiler/target/structure.py`), which only a network that needs it
has:

| A package may hold | flag |
|---|---|
| reset by subtraction; firing above the threshold only | `soft_reset`; `strict_compare` |
| leaks other than 8/16, by layer or by channel | `leaks`: a step takes two cycles |
| frames: an image for each timestep, as event cameras give | `frames`: all of an image's lie in its buffer |
| a shortcut into a convolution's membrane, through a matrix or by a gain | `second`: entries of two values in a list |
| a limit at which the residual stream saturates | `limited` |
| a pool that counts the spikes of 2×2 windows | `counting` |
| attention whose values have other channels than its queries | `value_channels` |
| class scores of more than 32 bits | `wide_scores` |

Packages have no op for an integer max-pool in front of a neuron, for the attention of the Spike-driven Transformer,
or for weights from outside the FPGA: they have to fit its block RAM. `--board simulation` has no limits, for networks
that no FPGA of the list holds.

{tables()}## On which board it fits

Block RAMs of 18 kbit that a whole design takes, of those there are. `spikewright generate` chooses the shape, and says
what is missing where none fits.

"""


def networks() -> dict[str, Package]:
    """The networks of the last table, by what they are called there."""
    committed = sorted(path.parent.name for path in PACKAGES.glob("*/package.safetensors"))
    packages = {f"`packages/{name}`": read_package(PACKAGES / name / "package.safetensors") for name in committed}
    recipe = parse_recipe(DENSE_RECIPE)
    return packages | {DENSE: rehearsed_package(recipe, task_of(recipe))}


def boards() -> list[Board]:
    """All boards, the smallest first."""
    return sorted(real_boards(), key=lambda board: (board.resources.block_ram.count, board.name))


def boards_head() -> str:
    """The first two rows of the table of boards."""
    names = "".join(f" {board.name} ({board.resources.block_ram.count}) |" for board in boards())
    return f"| network | kept weights, average bits |{names}\n|---|---|{'---|' * len(boards())}\n"


def boards_row(name: str, package: Package) -> str:
    """One network on every board."""
    count = count_weights(package)
    kept = f"{count.kept:,} of {count.total:,}".replace(",", " ")
    cells = [f"{kept}, {count.average_bits:.1f}"]
    known: dict[str, str] = {}  # boards of one FPGA are compiled for once
    for board in boards():
        fpga = board.resources.model_dump_json()
        if fpga not in known:
            known[fpga] = _verdict(fitted(package, board))
        cells.append(known[fpga])
    return f"| {name} | {' | '.join(cells)} |\n"


def _verdict(choice: Choice | str) -> str:
    """Block RAMs, or that there are too few."""
    if isinstance(choice, str):
        return "too large"
    assert choice.needs is not None  # a board's
    return str(choice.needs.blocks)


def page() -> str:
    """The page as Markdown."""
    rows = "".join(boards_row(name, package) for name, package in networks().items())
    return HEAD + boards_head() + rows


if __name__ == "__main__":
    print(page(), end="")
