"""The page docs/report.md, drawn from the report's model.

Renewed by ``python -m spikewright.flow.report_page > docs/report.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from spikewright.flow.report import Report
from spikewright.flow.summary import MEANINGS

HEAD = """# The report

`spikewright compare BUILD/` writes `BUILD/report.json`; `make demo` leaves `build/demo/report.json`. It holds no times,
so equal BUILDs and images give equal bytes; wall-clock figures are in `timing.json` beside it. This page is drawn:
`python -m spikewright.flow.report_page > docs/report.md`.

## What the demo prints

| Line | Meaning |
|---|---|
"""
KEYS = """
## Every key of report.json

Counts of weights and compressions are of the package's own weights (`metrics.json` of a run
[counts against the dense network](recipes.md)). `synthesis` is there after `spikewright synthesize`. `*` in a
key stands for the name of a layer.

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
    keys = "".join(f"| `{key}` | {meaning} |\n" for key, meaning in _keys(Report, ""))
    return HEAD + lines + KEYS + keys + TAIL


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """Every key with its sentence; the parts of a part behind it."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field.description or ""
        part, many = _part(field.annotation)
        if part is not None:
            yield from _keys(part, f"{prefix}{name}.*." if many else f"{prefix}{name}.")


def _part(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a field holds, and whether it holds many."""
    kinds = [annotation, *get_args(annotation)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return (models[0] if models else None), str in kinds


if __name__ == "__main__":
    print(page(), end="")
