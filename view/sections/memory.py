"""Spike memory over the time of an image: which value lies where, and how long."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import el, ending, picture, short, text, ticks

LEFT, WIDE, HIGH, TOP = 48, 720, 300, 16
#: Colours that values take in turn; those that touch differ.
COLOURS = 6
#: Pixels in which a value's name can be read.
LEGIBLE = 40
#: Pixels between two names aslant.
APART = 15


def memory(source: BuildSource) -> Section | None:
    """A map: words of a bank upwards, descriptors to the right."""
    ref = source.ref / "memory"
    if not ref.value["values"]:
        return None
    count, depth = ref.value["descriptors"], ref.value["depth"]
    across, up = WIDE / max(1, count), HIGH / max(1, depth)
    bottom = TOP + HIGH
    marks = [el("rect", x=LEFT, y=TOP, width=WIDE, height=HIGH, class_="ground")]
    for tick in ticks(depth):
        y = bottom - tick * up
        marks.append(el("line", x1=LEFT, x2=LEFT + WIDE, y1=y, y2=y, class_="grid"))
        marks.append(text(LEFT - 4, y + 4, short(tick), kind="tick", anchor="end"))
    for number, stored in enumerate(ref / "values"):
        marks += _value(stored, number, across, up, bottom)
    marks += _layers(ref / "layers", across, bottom)
    lead = Markup(
        "Words of each of {} banks upwards, {} of them; the program's {} descriptors to the right, named by their "
        "layer. A box is a value from the descriptor that writes it to the one that reads it last; under the pointer "
        "it tells its name and its words."
    ).format(show(ref / "banks"), show(ref / "depth"), show(ref / "descriptors"))
    rows = [
        (name(row.value["name"]), *(show(row / key) for key in ("base", "words", "planes", "first", "last")))
        for row in ref / "values"
    ]
    head = ("value", "first word", "words", "planes", "first descriptor", "last descriptor")
    chart = picture(
        LEFT + WIDE + 10, bottom + 96, "Values in spike memory: words upwards, descriptors to the right", marks
    )
    return Section("memory", "Spike memory over time", lead, [chart], table(head, rows))


def _value(stored: Ref, number: int, across: float, up: float, bottom: float) -> list[Markup]:
    row = stored.value
    x, width = LEFT + row["first"] * across, (row["last"] - row["first"] + 1) * across
    y, height = bottom - (row["base"] + row["words"]) * up, max(1.0, row["words"] * up)
    words = stored / "words"
    hint = f"{row['name']}: {words.written('count')} words"
    box = el("rect", el("title", hint), x=x, y=y, width=max(1.0, width - 0.5), height=height,
             class_=f"stored stored-{number % COLOURS}", data_from=words.origin, data_as="count")  # fmt: skip
    if width < LEGIBLE or height < 12:
        return [box]
    return [box, text(x + 3, y + height / 2 + 4, ending(row["name"], int(width / 6.5)), kind="name")]


def _layers(layers: Ref, across: float, bottom: float) -> list[Markup]:
    """Names of layers below their first descriptor, aslant; one that would touch the one before is left out."""
    marks, last = [], -100.0
    for layer, first in layers.items():
        x = LEFT + first.value * across
        if x - last >= APART:
            marks.append(el("text", ending(layer, 16), x=x, y=bottom + 10, class_="name aslant",
                            transform=f"rotate(50 {x:.1f} {bottom + 10:.1f})"))  # fmt: skip
            last = x
    return marks
