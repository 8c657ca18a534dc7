"""The page docs/supported.md, drawn from what refuses.

Renewed by ``python -m spikewright.flow.supported_page > docs/supported.md``, which takes two minutes: every network
of the last table is compiled for every board.
"""

from __future__ import annotations

from pathlib import Path

from spikewright.boards.registry import board_names, load_board
from spikewright.boards.schema import Board
from spikewright.compiler.fit import Choice
from spikewright.compiler.front.limits import LIMITS
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.compress.run.rehearsal import rehearsed_package
from spikewright.compress.run.stages.run import task_of
from spikewright.flow.fitting import fitted
from spikewright.flow.weights import count_weights
from spikewright.models.package import Package, read_package
from spikewright.models.package_schema import SCHEME_BITS

PACKAGES = Path("packages")
#: Network → the recipe that it comes from, untrained: what fits does not depend on the values of dense weights.
DENSE = "2 blocks of width 64 before compression"
DENSE_RECIPE = 'name: dense\ndata: digits\nconstraints:\n  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}\n'

HEAD = f"""# What is supported

A package may hold more than the accelerator takes. What it does not take, the compiler refuses in one sentence that
names the op that is at fault; nothing is left out silently. `spikewright compress --dry-run` says the same before
anything is trained. This page is drawn: `python -m spikewright.flow.supported_page > docs/supported.md`.

Taken as packages allow it: weights of {SCHEME_BITS["uniform"][0]} to {SCHEME_BITS["uniform"][-1]} bits uniform or
{SCHEME_BITS["pot"][0]} to {SCHEME_BITS["pot"][-1]} bits power of two, by layer; thresholds and biases by channel; hard
and soft reset; firing at the threshold or above it; 1 to 64 timesteps; images of 1 to 8 bits; any number of heads;
token selectors.

| A package may hold | The accelerator takes | Else it says |
|---|---|---|
"""
BOARDS = """
Packages have no op for an integer max-pool in front of a neuron, for the attention of the Spike-driven Transformer, or
for weights from outside the FPGA: they have to fit its block RAM.

## On which board it fits

Block RAMs of 18 kbit that a whole design takes, of those there are. `spikewright generate` chooses the shape, and says
what is missing where none fits.

"""


def limits_table() -> str:
    """The rows of what is refused."""
    return "".join(f"| {limit.package} | {limit.accelerator} | {limit.sentence} |\n" for limit in LIMITS)


def networks() -> dict[str, Package]:
    """The networks of the last table, by what they are called there."""
    committed = sorted(path.parent.name for path in PACKAGES.glob("*/package.safetensors"))
    packages = {f"`packages/{name}`": read_package(PACKAGES / name / "package.safetensors") for name in committed}
    recipe = parse_recipe(DENSE_RECIPE)
    return packages | {DENSE: rehearsed_package(recipe, task_of(recipe))}


def boards() -> list[Board]:
    """All boards, the smallest first."""
    return sorted(map(load_board, board_names()), key=lambda board: (board.resources.block_ram.count, board.name))


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
    """Block RAMs, or in two words why there are none."""
    if isinstance(choice, str):
        return "too large" if "too large" in choice else "refused"
    return str(choice.needs.blocks)


def page() -> str:
    """The page as Markdown."""
    rows = "".join(boards_row(name, package) for name, package in networks().items())
    return HEAD + limits_table() + BOARDS + boards_head() + rows


if __name__ == "__main__":
    print(page(), end="")
