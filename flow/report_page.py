"""The page docs/report.md, drawn from the report's model.

Renewed by ``python -m spikewright.flow.report_page > docs/report.md``.
"""

from __future__ import annotations

from pydantic import BaseModel

from spikewright.flow.keys import keys
from spikewright.flow.report import Report
from spikewright.flow.summary import MEANINGS
from spikewright.flow.traces import Traces

HEAD = """# The report

`spikewright compare BUILD/` writes `BUILD/report.json`; `make demo` leaves `build/demo/report.json`. It holds no times,
so equal BUILDs and images give equal bytes; wall-clock figures are in `timing.json` beside it. `traces.json` has the
pictures: a few images with the tokens that were kept, and the spikes of one. This page is drawn:
`python -m spikewright.flow.report_page > docs/report.md`.

## The page to look at

`report.html` beside them shows all of it: one file without scripts, which fetches nothing. It tells the verdict and the
accuracy at every rung; draws eight test images with the tokens that each selector dropped, wrong answers among them;
says which layer to prune next; and shows where the cycles of each layer go, firing rates, weights, bits and sparsity,
the spikes of one image, spike memory over time, LUT and block RAM by unit, every shape of the engine that was
considered, and after `spikewright synthesize` the critical path and a floorplan. The pointer over a mark tells its
number; below each picture the same numbers stand as a table. Each number carries the file and the JSON pointer that it
came from (`data-from`). `spikewright report BUILD` draws the page again; of the folder of a compression run it draws
losses, accuracy, masks by round and the networks that were tried.

## What the demo prints

| Line | Meaning |
|---|---|
"""
KEYS = """
## Every key of report.json

Counts of weights and compressions are of the package's own weights (`metrics.json` of a run
[counts against the dense network](recipes.md)). `synthesis` is there after `spikewright synthesize`. `*` in a
key stands for the name of a layer, or for a number in a list.

| Key | Meaning |
|---|---|
"""
TRACED = """
## Every key of traces.json

| Key | Meaning |
|---|---|
"""
TAIL = """
Attention's additions count the KᵀV elements as weights; the first layer reads a still image, so its additions are
counted for one step.
"""


def page() -> str:
    """The page as Markdown."""
    lines = "".join(f"| **{line}** | {meaning} |\n" for line, meaning in MEANINGS.items())
    return HEAD + lines + KEYS + _table(Report) + TRACED + _table(Traces) + TAIL


def _table(model: type[BaseModel]) -> str:
    return "".join(f"| `{key}` | {meaning} |\n" for key, meaning in keys(model))


if __name__ == "__main__":
    print(page(), end="")
