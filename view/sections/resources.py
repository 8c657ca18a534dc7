"""Block RAM by use and LUT by unit, beside what the device has."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import ROW, across, mark, picture, text, value

LEFT, RIGHT, TOP = 170, 560, 22


def resources(source: BuildSource) -> Section | None:
    """Bars of both; None without a board."""
    needs = source.ref / "needs"
    if not needs:
        return None
    lead = Markup("By the compiler's models: about {} of {} LUT, {} of {} block RAMs.").format(
        show(needs / "lut"), show(needs / "lut_available"), show(needs / "blocks"), show(needs / "blocks_available")
    )
    body, rows = [], []
    for key, label, unit in (("lut_units", "LUT by unit", "LUT"), ("block_ram", "Block RAMs by use", "block RAMs")):
        body += [Markup("<h3>{}</h3>").format(label), _bars(needs / key, label, unit)]
        rows += [(name(part), show(count), unit) for part, count in (needs / key).items()]
    return Section("resources", "LUT and block RAM", lead, body, table(("unit or use", "needs", "of"), rows))


def _bars(parts: Ref, label: str, unit: str) -> Markup:
    most = max(parts.value.values(), default=1)
    marks, y = across(LEFT, RIGHT, TOP, TOP + ROW * len(parts.value), most), float(TOP)
    for part, count in parts.items():
        marks.append(text(LEFT - 6, y + 13, part, kind="name", anchor="end"))
        width = (RIGHT - LEFT) * count.value / most
        marks.append(mark("rect", count, "count", part, unit, x=LEFT, y=y + 3, width=width, height=12, class_="bar"))
        marks.append(value(RIGHT + 8, y + 13, count, "count"))
        y += ROW
    return picture(RIGHT + 70, y + 4, label, marks)
