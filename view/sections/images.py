"""Test images, and which of their tokens each selector kept."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, listed, show
from spikewright.view.section import Section
from spikewright.view.sources import BuildSource
from spikewright.view.svg import el, picture

#: Pixels of the page that a picture's side has.
SIDE = 112


def images(source: BuildSource) -> Section | None:
    """Up to eight images, each with a picture for every selector."""
    pictures = source.pictures
    if pictures is None:
        return None
    shown = pictures / "images"
    body = [el("div", *(_image(image) for image in shown), class_="images")]
    if pictures.value["frames"]:
        body.append(_frames(pictures, source.ref / "steps"))
    lead = Markup("Answers of the simulated hardware.")
    if any(image["selections"] for image in shown.value):
        lead += Markup(" Tokens that a selector dropped are shaded; a later one drops more of those that are left.")
    return Section("images", "Images and their tokens", lead, body)


def _image(image: Ref) -> Markup:
    row = image.value
    figures = [_drawn(row["pixels"], f"Test image {row['number']}")]
    for selection in image / "selections":
        words = listed([show(selection / "name", "text"), Markup("keeps {}").format(_count(selection))], " ")
        label = f"Test image {row['number']} with the tokens that {selection.value['name']} kept"
        drawing = _drawn(row["pixels"], label, selection.value)
        figures.append(el("figure", drawing, el("figcaption", words)))
    answer = Markup("image {}: class {}").format(show(image / "number"), show(image / "rtl"))
    if row["label"] is not None:
        kind = "right" if row["right"] else "wrong"
        answer += el("span", " right" if row["right"] else Markup(", wrong: it is {}").format(show(image / "label")),
                     class_=kind)  # fmt: skip
    if row["golden"] != row["rtl"]:
        answer += el("strong", Markup(" (the golden model says {})").format(show(image / "golden")))
    return el("div", el("p", answer), el("div", *figures, class_="row"), class_="image")


def _count(selection: Ref) -> Markup:
    """How many tokens are kept: the last one's place in the list tells it."""
    kept = selection / "kept"
    return el("span", str(len(kept.value)), class_="value", data_from=kept.origin, data_as="length")


def _drawn(pixels: list[str], label: str, selection: dict[str, object] | None = None) -> Markup:
    rows, columns = len(pixels), len(pixels[0]) // 3
    marks = []
    for colour, path in _paths(pixels).items():
        marks.append(el("path", d=path, fill=f"#{colour}"))
    if selection is not None:
        marks += _dropped(selection, rows, columns)
    drawing = picture(columns, rows, label, marks, kind="pixels")
    return drawing if selection is not None else el("figure", drawing, el("figcaption", "as it enters"))


def _paths(pixels: list[str]) -> dict[str, str]:
    """By colour, the runs of pixels that have it."""
    paths: dict[str, str] = {}
    for y, row in enumerate(pixels):
        colours = [row[at : at + 3] for at in range(0, len(row), 3)]
        start = 0
        for x in range(1, len(colours) + 1):
            if x == len(colours) or colours[x] != colours[start]:
                runs = paths.get(colours[start], "")
                paths[colours[start]] = f"{runs}M{start} {y}h{x - start}v1h-{x - start}z"
                start = x
    return paths


def _dropped(selection: dict[str, object], rows: int, columns: int) -> list[Markup]:
    """Shades over the tokens that are gone."""
    grid, kept = selection["grid"], selection["kept"]
    assert isinstance(grid, list | tuple)
    assert isinstance(kept, list)
    down, wide = grid
    high, width = rows / down, columns / wide
    return [
        el("rect", x=(token % wide) * width, y=(token // wide) * high, width=width, height=high, class_="dropped")
        for token in range(down * wide)
        if token not in set(kept)
    ]


def _frames(pictures: Ref, steps: Ref) -> Markup:
    """The frames of one image, step by step."""
    drawings = [_drawn(frame.value, f"Frame of step {at}", {"grid": (1, 1), "kept": [0]})
                for at, frame in enumerate(pictures / "frames")]  # fmt: skip
    words = Markup("Image {} by its {} steps.").format(show(pictures / "raster_image"), show(steps))
    return Markup("{}{}").format(el("p", words), el("div", *drawings, class_="row frames"))
