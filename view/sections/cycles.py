"""Cycles of every layer, by what they were spent on."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.flow.figures import BreakdownFigures
from spikewright.view.refs import name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import ROW, across, el, legend, mark, picture, text, value

#: Key of a breakdown → its words.
PARTS = {
    "useful": "useful pairs",
    "imbalance": "imbalance of banks",
    "lif_minimum": "LIF array",
    "skipped": "skipped, but no time saved",
    "products": "attention (KᵀV)",
    "selector": "token selector",
    "copies": "copies (halo, pool)",
    "load": "load",
    "overhead": "pipeline",
}
assert set(PARTS) == set(BreakdownFigures.model_fields)
LEFT, RIGHT = 210, 720


def cycles(source: BuildSource) -> Section:
    """Stacked bars, a line a layer; a thin mark where the prediction without skipping lies."""
    ref = source.ref / "cycles"
    layers = ref / "layers"
    used = [part for part in PARTS if (ref / "breakdown" / part).value]
    marks, high = legend([(f"part-{part}", PARTS[part]) for part in used], RIGHT)
    most = max((max(row["cycles"], row["predicted"]) for row in layers.value.values()), default=1)
    top = high + 22
    marks += across(LEFT, RIGHT, top, top + ROW * len(layers.value), most)
    y = top
    for layer, row in layers.items():
        marks.append(text(LEFT - 6, y + 13, layer, kind="name", anchor="end"))
        x = float(LEFT)
        for part in used:
            share = row / "breakdown" / part
            width = (RIGHT - LEFT) * share.value / most
            if width > 0:
                marks.append(mark("rect", share, "one", f"{layer}, {PARTS[part]}", "cycles", x=x, y=y + 3, width=width,
                                  height=12, class_=f"part-{part}"))  # fmt: skip
                x += width
        at = LEFT + (RIGHT - LEFT) * row.value["predicted"] / most
        hint = f"{layer}, predicted without skipping"
        marks.append(mark("rect", row / "predicted", "count", hint, "cycles", x=at - 1, y=y + 1, width=2, height=16,
                          class_="predicted"))  # fmt: skip
        marks.append(value(RIGHT + 8, y + 13, row / "cycles", "count"))
        y += ROW
    lead = Markup(
        "An image takes {} cycles; {} are predicted without skipping of silent words. The mark of a line is the "
        "layer's prediction."
    ).format(show(ref / "per_image"), show(ref / "predicted"))
    rows = [
        (
            name(layer),
            show(row / "cycles"),
            show(row / "predicted"),
            *(show(row / "breakdown" / part, "one") for part in used),
        )
        for layer, row in layers.items()
    ]
    head = ("layer", "cycles", "predicted", *(PARTS[part] for part in used))
    chart = picture(RIGHT + 70, y + 4, "Cycles of each layer as stacked bars, by what they were spent on", marks)
    return Section("cycles", "Where the cycles go", lead, [chart, _all_in_all(source)], table(head, rows))


def _all_in_all(source: BuildSource) -> Markup:
    """The breakdown of a whole image in words."""
    where = source.ref / "cycles" / "breakdown"
    parts = [
        el("span", el("span", "", class_=f"dot part-{part}"), f" {PARTS[part]} ", show(where / part), class_="nowrap")
        for part in PARTS
        if (where / part).value
    ]
    return el("p", "Of an image: ", Markup(", ").join(parts), ".")
