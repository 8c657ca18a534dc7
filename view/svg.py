"""The elements of a picture: SVG with escaped text, axes, and values that carry their origin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from spikewright.echo import shown
from spikewright.view.refs import Ref

#: Size of the smallest text, and the height of a row of bars, in pixels.
TEXT, ROW = 11, 18


def el(tag: str, *children: Markup | str, **attributes: object) -> Markup:
    """An element; an underscore in an attribute's name stands for a dash, one at its end for nothing.

    Attributes that are None are left out; numbers are rounded to two places.
    """
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup(f"<{tag}{''.join(words)}>{''.join(str(escape(child)) for child in children)}</{tag}>")


def _attribute(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def ending(words: str, most: int) -> str:
    """The end of a layer's name: as many of its parts as fit, for the last ones tell layers apart."""
    parts = words.split(".")
    while len(parts) > 1 and len(".".join(parts)) > most:
        parts = parts[1:]
    return ".".join(parts)[:most]


def picture(width: float, height: float, label: str, children: Iterable[Markup], *, kind: str = "chart") -> Markup:
    """A whole picture of its natural size; label: its text alternative, in words."""
    body = el("svg", el("title", label), *children, viewBox=f"0 0 {width:g} {height:g}", width=width, height=height,
              role="img", class_=kind)  # fmt: skip
    return el("div", body, class_="scroll", tabindex=0, role="group", aria_label=label) if kind == "chart" else body


def text(x: float, y: float, content: str, *, kind: str, anchor: str | None = None) -> Markup:
    """Text that is no value: a tick, or a name."""
    return el("text", shown(content, 60), x=x, y=y, class_=kind, text_anchor=anchor)


def value(x: float, y: float, ref: Ref, style: str, *, anchor: str | None = None, kind: str = "") -> Markup:
    """A value as text."""
    return el("text", ref.written(style), x=x, y=y, class_=f"value {kind}".strip(), text_anchor=anchor,
              data_from=ref.origin, data_as=style)  # fmt: skip


def mark(tag: str, ref: Ref, style: str, says: str, unit: str = "", **attributes: object) -> Markup:
    """A shape that stands for a value, and tells it under the pointer: ``says: value unit``."""
    hint = f"{says}: {ref.written(style)}{f' {unit}' if unit else ''}"
    return el(tag, el("title", hint), data_from=ref.origin, data_as=style, **attributes)


def ticks(most: float, about: int = 5) -> list[float]:
    """Round numbers from 0 to ``most``, about so many."""
    if most <= 0:
        return [0.0]
    step = 10 ** math.floor(math.log10(most / about))
    step *= next(times for times in (1, 2, 5, 10) if step * times * about >= most)
    return [step * at for at in range(int(most / step + 1e-9) + 1)]


def short(number: float) -> str:
    """A tick's number."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def across(left: float, right: float, top: float, bottom: float, most: float, *, percent: bool = False) -> list[Markup]:
    """Vertical lines of a scale from 0 to ``most`` between two edges, their numbers above."""
    lines = []
    for tick in ticks(most):
        x = left + (right - left) * tick / (most or 1)
        lines.append(el("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        says = f"{tick:.0%}" if percent else short(tick)
        lines.append(text(x, top - 4, says, kind="tick", anchor="middle"))
    return lines


def legend(parts: Sequence[tuple[str, str]], width: float, top: float = 0) -> tuple[list[Markup], float]:
    """Squares with words, line by line: (class, words) each; and how high they are."""
    marks, x, y = [], 0.0, top
    for kind, words in parts:
        wide = 24 + 6.4 * len(words)
        if x and x + wide > width:
            x, y = 0.0, y + ROW
        marks += [
            el("rect", x=x, y=y + 2, width=10, height=10, class_=kind),
            text(x + 14, y + TEXT, words, kind="label"),
        ]
        x += wide
    return marks, y + ROW - top
