"""report.html of a compression run."""

from __future__ import annotations

from spikewright.view.page import draw
from spikewright.view.sections.run import masks, outcome, training, tried
from spikewright.view.sources import RunSource

SECTIONS = (outcome, training, masks, tried)


def run_page(source: RunSource) -> str:
    """The page as HTML."""
    drawn = [section for make in SECTIONS if (section := make(source)) is not None]
    return draw(str(source.metrics.value["name"]), "compression run", drawn)
