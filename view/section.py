"""What a page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from spikewright.view.svg import el


@dataclass(frozen=True)
class Section:
    """A section: lead says in words what is seen, body holds its pictures; table: the same as numbers, folded away."""

    anchor: str
    title: str
    lead: Markup
    body: list[Markup]
    table: Markup | None = field(default=None)


def table(head: Sequence[str], rows: Iterable[Sequence[Markup | str]]) -> Markup:
    """A table; its first column holds names."""
    line = el("tr", *(el("th", words, scope="col") for words in head))
    lines = [
        el("tr", *(el("th", cell, scope="row") if at == 0 else el("td", cell) for at, cell in enumerate(row)))
        for row in rows
    ]
    return el("div", el("table", el("thead", line), el("tbody", *lines)), class_="scroll", tabindex=0, role="group",
              aria_label="table")  # fmt: skip
