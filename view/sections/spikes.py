"""Firing rates of all images, and the spikes of one, layer by layer."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import ROW, across, el, mark, picture, text, value

LEFT, RIGHT, TOP = 210, 620, 22
#: Width of a raster, and the height of a row of channels.
WIDE, HIGH = 512, 3
#: Digits of a raster → class of the shade.
SHADES = {1: (1, 2, 3), 2: (4, 5, 6), 3: (7, 8, 9)}


def rates(source: BuildSource) -> Section | None:
    """Bars of the share of spikes that are 1."""
    layers = source.ref / "layers"
    spiking = [(layer, row) for layer, row in layers.items() if row.value["fired"] is not None]
    if not spiking:
        return None
    most = max(max(row.value["fired"] for _, row in spiking), 0.01)
    marks, y = across(LEFT, RIGHT, TOP, TOP + ROW * len(spiking), most, percent=True), float(TOP)
    for layer, row in spiking:
        marks.append(text(LEFT - 6, y + 13, layer, kind="name", anchor="end"))
        width = (RIGHT - LEFT) * row.value["fired"] / most
        marks.append(mark("rect", row / "fired", "percent", layer, "of its spikes", x=LEFT, y=y + 3, width=width,
                          height=12, class_="bar"))  # fmt: skip
        marks.append(value(RIGHT + 8, y + 13, row / "fired", "percent"))
        y += ROW
    lead = Markup(
        "How many of each layer's spikes are set, over all images. Silent words are skipped, so sparse layers are fast "
        "and dense ones are not; one that never fires does nothing."
    )
    rows = [
        (name(layer), show(row / "fired", "percent"), show(row / "tokens"), show(row / "channels"))
        for layer, row in spiking
    ]
    chart = picture(RIGHT + 70, y + 4, "Firing rate of each layer", marks)
    return Section("rates", "Firing rates", lead, [chart], table(("layer", "fired", "tokens", "channels"), rows))


def rasters(source: BuildSource) -> Section | None:
    """Spikes by step, token and channel; the layer of the first mismatch is marked."""
    pictures = source.pictures
    if pictures is None or not pictures.value["rasters"]:
        return None
    first = source.report.first_mismatch
    wrong = None if first is None else first.layer.removesuffix(".kept")
    body = [_raster(raster, source.report.steps, bad=raster.value["name"] == wrong) for raster in pictures / "rasters"]
    lead = Markup(
        "Image {}: a column is a token of a step, with {} steps side by side, a row is a channel; where there are more "
        "than are drawn, neighbours share a place, which is darker the more of them fired."
    ).format(show(pictures / "raster_image"), show(source.ref / "steps"))
    return Section("rasters", "Spikes of one image", lead, body)


def _raster(raster: Ref, steps: int, *, bad: bool) -> Markup:
    rows = raster.value["rows"]
    wide, high = WIDE / max(1, len(rows[0])), max(HIGH, 12 // len(rows))
    marks = [el("rect", x=0, y=0, width=WIDE, height=high * len(rows), class_="ground")]
    for shade, digits in SHADES.items():
        path = "".join(
            f"M{_short(start * wide)} {y * high}h{_short(length * wide)}v{high}h-{_short(length * wide)}z"
            for y, row in enumerate(rows)
            for start, length in _runs(row, digits)
        )
        if path:
            marks.append(el("path", d=path, class_=f"spikes-{shade}"))
    for step in range(1, steps):
        x = WIDE * step / steps
        marks.append(el("line", x1=x, x2=x, y1=0, y2=high * len(rows), class_="step"))
    caption = Markup("{}: {} tokens, {} channels, {} fired").format(
        name(raster.value["name"]),
        show(raster / "tokens"),
        show(raster / "channels"),
        show(raster / "fired", "percent"),
    )
    if bad:
        caption += el("strong", " the first mismatch is in this layer")
    label = f"Spikes of {raster.value['name']} by step, token and channel"
    drawing = picture(WIDE, high * len(rows), label, marks, kind="raster")
    return el("figure", drawing, el("figcaption", caption), class_="bad" if bad else None)


def _runs(row: str, digits: tuple[int, ...]) -> list[tuple[int, int]]:
    """Start and length of each run of such digits."""
    runs: list[tuple[int, int]] = []
    for at, digit in enumerate(row):
        if int(digit) in digits:
            if runs and sum(runs[-1]) == at:
                runs[-1] = runs[-1][0], runs[-1][1] + 1
            else:
                runs.append((at, 1))
    return runs


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
