"""The table "What fits" of docs/boards.md: what the compiler says of these networks on these boards."""

import re
from pathlib import Path

import numpy as np
import pytest

from spikewright.boards.registry import load_board
from spikewright.commands.fitting import fitted
from spikewright.compress.recipe import parse_recipe
from spikewright.compress.rehearsal import rehearsed_package
from spikewright.compress.stages.run import task_of
from spikewright.models.package import read_package
from spikewright.sim.report import weight_tensors

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ("ulx3s-25f", "ulx3s-45f", "ulx3s-85f")
DENSE = 'name: dense\ndata: digits\nconstraints:\n  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}\n'


def package_of(what):
    if named := re.match(r"`(packages/\S+)`", what):
        return read_package(ROOT / named[1] / "package.safetensors")
    recipe = parse_recipe(DENSE)
    return rehearsed_package(recipe, task_of(recipe))


def kept_of(package):
    weights = [(package.tensors[name], bits) for name, _, bits in weight_tensors(package)]
    total, kept = (sum(count(codes) for codes, _ in weights) for count in (np.size, np.count_nonzero))
    if kept > 0.99 * total:
        return "all", round(sum(codes.size * bits for codes, bits in weights) / total, 1)
    return f"{kept:,} of {total:,}".replace(",", " "), round(sum(c.size * bits for c, bits in weights) / total, 1)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_what_fits(row):
    text = (ROOT / "docs" / "boards.md").read_text().partition("## What fits")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    head, _, *rows = rows
    boards = [load_board(name) for name in BOARDS]
    assert head[2:] == [f"{b.name[-3:].upper()} ({b.resources.block_ram.count})" for b in boards]
    assert len(rows) == 3
    what, kept, *blocks = rows[row]
    package = package_of(what)
    found = [fitted(package, board) for board in boards]
    assert blocks == ["too large" if isinstance(one, str) else str(one.needs.blocks) for one in found]
    assert all("too large" in one for one in found if isinstance(one, str))
    share, bits = kept.split(", ")
    assert (share, float(bits)) == kept_of(package)
