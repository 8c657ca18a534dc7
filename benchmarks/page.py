"""docs/results.md, drawn from the rows of docs/results.json: a table for each method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.common import command

Rows = Mapping[str, dict[str, Any]]
#: What draws the rows of compression when their cells are there: said once, not in every line.
_DRAWS = f" && {command('compression')}"


@dataclass(frozen=True)
class Section:
    """A table.

    heading: what stands over it
    text: how to read it
    begins: how the ids of its rows begin
    """

    heading: str
    text: str
    begins: tuple[str, ...]


SECTIONS = (
    Section(
        "Committed packages",
        "Each through the board's engine on all its test images, with skipping; right answers are those of the golden "
        "model and of the quantised network. [packages](../packages/README.md) says what they are.",
        ("hw.package-",),
    ),
    Section(
        "Networks of published size",
        "Untrained, with the sizes, masks, formats and leaks of their recipes, by the commands alone on "
        "`--board simulation`. generate: with its check. build: `simulate` of one image, which compiles the "
        "simulator. image: `compare` of all images, for each. gib: of the largest process.",
        ("hw.full-size-",),
    ),
    Section(
        "What a feature costs",
        "LUT more with its flag set, on a small engine; cycles more of the reference package with the feature in it. "
        "Expected is what was foreseen: [M] measured on a prototype, [E] estimated.",
        ("hw.feature-", "hw.leak-"),
    ),
    Section(
        "The accelerator",
        "The reference package `clutter-digits` on the board ulx3s-85f, unless a note says otherwise.",
        ("hw.",),
    ),
    Section(
        "The house",
        "How small and how straight the sources are, and that a change of their plan changed nothing that is computed.",
        ("house.",),
    ),
    Section(
        "Trust",
        "That no network is computed wrongly, and that runs cannot disturb each other. [Campaign](campaign.md) says "
        "what the random networks are.",
        ("trust.",),
    ),
    Section(
        "Pages, scripts, the wheel",
        "Pages are opened in headless Chromium; drawn: by `spikewright report`, the fastest of three; loaded: to the "
        "end of the load event; numbers: values on the page, each held against the file and key that it names.",
        ("see.",),
    ),
    Section(
        "Lottery tickets and token selection (paper 1)",
        "Differences are in points of accuracy, paired image by image, to the dense teacher of the same fold, or to "
        "what the row names. `compress.lottery` is the row of the bar; `lottery-round-…` is the curve. A part of what "
        "pruned networks gain is that they are trained on: `compress.dense-finished` and `…-against-dense-finished` "
        "tell it apart.",
        ("compress.lottery", "compress.tokens", "compress.selector", "compress.dense-finished"),
    ),
    Section(
        "Searched formats (paper 2)",
        "`…-against-…` holds the search against a control at the same average bits; `…-pot` is the share of the "
        "weights that it gives to powers of two, and `…-pot-over-uniform` what powers of two bring when nothing else "
        "is allowed. Energies are defined in [the protocol](protocol.md).",
        ("compress.search",),
    ),
    Section(
        "Synapse pruning and neurons that learn (paper 3)",
        "L1P takes single weights out of each matrix of the blocks, DSP whole dimensions; sLIF and its controls are "
        "held against LIF trained as long.",
        ("compress.l1p", "compress.dsp", "compress.slif"),
    ),
    Section(
        "Attention-guided compression (paper 4)",
        "Spiking VGG-11 and ResNet-18 at a quarter of their width, on digits.",
        ("compress.guided",),
    ),
    Section(
        "All methods in one recipe",
        "Tokens, lottery, sLIF and search against a dense network.",
        ("compress.together",),
    ),
    Section(
        "Options for the engine",
        "What bank-balanced masks, a residual stream that saturates, and token counts that fill words cost in accuracy "
        "and gain in predicted cycles.",
        ("compress.balanced", "compress.clip", "compress.fill"),
    ),
    Section("Other figures", "", ("",)),
)


def draw(rows: Rows, picture: str = "") -> str:
    """The page.

    picture: markdown of the curves, if there are any
    """
    parts = [
        "# Results",
        "Drawn from `results.json` by `benchmarks/run.py`; every figure has the command that makes it again, and "
        "**no** marks a bar that is not met. Rows whose command is `run.py cells` come from committed cells that took "
        f"hours ([how](protocol.md)): `{command('compression')}` draws them in seconds, their commands train them "
        "anew.",
        *([picture] if picture else []),
    ]
    undrawn = sorted(rows)
    for section in SECTIONS:
        ids = [key for key in undrawn if key.startswith(section.begins)]
        undrawn = [key for key in undrawn if key not in ids]
        if ids:
            parts += [f"## {section.heading}", *([section.text] if section.text else []), _table(rows, ids)]
    return "\n\n".join(parts) + "\n"


def _table(rows: Rows, ids: list[str]) -> str:
    lines = ["| figure | value | bar | met | note | command |", "|---|---|---|---|---|---|"]
    for key in ids:
        row = rows[key]
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        note = "; ".join(text for text in (row["note"], row["seeds"] and f"seeds {row['seeds']}") if text)
        again = row["command"].removesuffix(_DRAWS)
        value = f"{words(row['value'])} {row['unit']}".strip()
        lines.append(f"| {key} | {value} | {row['bar']} | {met} | {note} | `{again}` |")
    return "\n".join(lines)


def words(value: Any) -> str:
    """A value as it is read: a mapping's parts in their order, those of a mapping within it in brackets."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name} ({words(part)})" if isinstance(part, dict) else f"{name} {part}"
                     for name, part in value.items())  # fmt: skip
