"""Weights of every layer: how many are kept, in which scheme and how many bits."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import ROW, across, el, legend, mark, picture, text, value

LEFT, RIGHT = 210, 560
SCHEMES = {"uniform": "uniform", "pot": "power of two"}


def weights(source: BuildSource) -> Section | None:
    """Bars of the share of weights that is kept, coloured by scheme; bits beside them."""
    layers = source.ref / "layers"
    own = [(layer, row) for layer, row in layers.items() if row.value["weights"]]
    if not own:
        return None
    used = [scheme for scheme in SCHEMES if any(row.value["scheme"] == scheme for _, row in own)]
    marks, high = legend([(f"scheme-{scheme}", SCHEMES[scheme]) for scheme in used], RIGHT)
    top = high + 22
    marks += across(LEFT, RIGHT, top, top + ROW * len(own), 1.0, percent=True)
    marks += [text(RIGHT + at, top - 4, word, kind="tick", anchor="end") for at, word in ((70, "kept"), (110, "bits"))]
    y = top
    for layer, row in own:
        share = row / "kept_share"
        marks.append(text(LEFT - 6, y + 13, layer, kind="name", anchor="end"))
        marks.append(el("rect", x=LEFT, y=y + 3, width=RIGHT - LEFT, height=12, class_="ground"))
        width, kind = (RIGHT - LEFT) * share.value, f"scheme-{row.value['scheme']}"
        marks.append(mark("rect", share, "percent", layer, "of its weights kept", x=LEFT, y=y + 3, width=width,
                          height=12, class_=kind))  # fmt: skip
        marks.append(value(RIGHT + 70, y + 13, row / "kept", "count", anchor="end"))
        marks.append(value(RIGHT + 110, y + 13, row / "bits", "count", anchor="end"))
        y += ROW
    lead = Markup("{} of {} weights are kept, {} bits each on average over all, {} stored bits in all.").format(
        show(source.ref / "weights" / "kept"),
        show(source.ref / "weights" / "total"),
        show(source.ref / "weights" / "average_bits", "two"),
        show(source.ref / "weights" / "rom_bits" / "total"),
    )
    rows = [
        (name(layer), show(row / "kind", "text"), show(row / "weights"), show(row / "kept"),
         show(row / "kept_share", "percent"), show(row / "scheme", "text"), show(row / "bits"))
        for layer, row in own
    ]  # fmt: skip
    chart = picture(RIGHT + 130, y + 4, "Share of each layer's weights that is kept, its scheme and its bits", marks)
    head = ("layer", "kind", "weights", "kept", "of all", "scheme", "bits")
    return Section("weights", "Weights, bits and sparsity", lead, [chart], table(head, rows))
