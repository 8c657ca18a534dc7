"""The placed design: Fmax, the critical path, and where the units lie on the device."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, listed, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import el, mark, picture

#: Pixels of a floorplan's square, and of the whole one's.
SMALL, LARGE = 4, 12
RESOURCES = {
    "lut": "LUT",
    "ff": "flip-flops",
    "block_ram": "block RAMs",
    "dsp": "multipliers",
    "lut_ram": "LUT RAM ports",
}


def placed(source: BuildSource) -> Section | None:
    """The section; None before ``spikewright synthesize``."""
    if source.report.synthesis is None:
        return None
    ref = source.ref / "synthesis"
    meets = "meets" if ref.value["meets_clock"] else "misses"
    lead = Markup(
        "{} MHz on {}: it {} the board's clock of {} MHz. {} images a second at that, {} for each kLUT."
    ).format(
        show(ref / "fmax_mhz", "one"),
        name(ref.value["part"]),
        meets,
        show(ref / "clock_mhz", "one"),
        show(ref / "images_per_second"),
        show(ref / "images_per_second_per_klut", "one"),
    )
    rows = [(words, show(ref / key / "used"), show(ref / key / "available")) for key, words in RESOURCES.items()]
    body = [table(("resource", "used", "there"), rows)]
    if ref.value["critical_path"]:
        body.append(_path(ref / "critical_path"))
    if ref.value.get("floorplan"):
        body += _floorplan(ref / "floorplan")
    return Section("placed", "The placed design", lead, body)


def _path(path: Ref) -> Markup:
    words = Markup("<h3>Critical path</h3><p>{} ns from {} to {}, {} ns of it in cells and {} ns in wires.</p>").format(
        show(path / "delay_ns", "two"),
        show(path / "start", "text"),
        show(path / "end", "text"),
        show(path / "logic_ns", "two"),
        show(path / "routing_ns", "two"),
    )
    nets = el("ol", *(el("li", show(net, "text")) for net in path / "nets"))
    return words + el("details", el("summary", "The nets it passes"), nets)


def _floorplan(plan: Ref) -> list[Markup]:
    """A map of all cells, and a small one of each unit."""
    figures = []
    for unit, cells in sorted((plan / "units").items(), key=lambda pair: -pair[1].value):
        caption = Markup("{}, {} cells").format(name(unit), show(cells))
        figures.append(_map(plan / "density" / unit, SMALL, unit, f"Where the cells of {unit} lie", caption))
    all_of = listed([Markup("all units; the fullest square holds {} cells").format(show(plan / "most"))])
    return [
        Markup("<h3>Floorplan</h3>"),
        el("p", "Cells by place: the darker a square of the device, the more of its cells are there."),
        el("div", _map(plan / "total", LARGE, "all units", "Where the cells of all units lie", all_of), class_="row"),
        el("div", *figures, class_="row"),
    ]


def _map(cells: Ref, side: int, unit: str, label: str, caption: Markup) -> Markup:
    most = max(map(max, cells.value)) or 1
    width, height = len(cells.value[0]) * side, len(cells.value) * side
    marks = [el("rect", x=0, y=0, width=width, height=height, class_="ground")]
    for y, row in enumerate(cells):
        for x, count in enumerate(row):
            if count.value:
                shade = -(-4 * count.value // most)
                marks.append(mark("rect", count, "count", unit, "cells", x=x * side, y=y * side, width=side,
                                  height=side, class_=f"density-{shade}"))  # fmt: skip
    return el("figure", picture(width, height, label, marks, kind="map"), el("figcaption", caption))
