"""report.html of a BUILD."""

from __future__ import annotations

from spikewright.view.page import draw
from spikewright.view.sections.cycles import cycles
from spikewright.view.sections.images import images
from spikewright.view.sections.memory import memory
from spikewright.view.sections.placed import placed
from spikewright.view.sections.resources import resources
from spikewright.view.sections.save import save
from spikewright.view.sections.shapes import shapes
from spikewright.view.sections.spikes import rasters, rates
from spikewright.view.sections.verdict import verdict
from spikewright.view.sections.weights import weights
from spikewright.view.sources import BuildSource

#: In the order of the page: what came out, where it comes from, what it costs, what else was possible.
SECTIONS = (verdict, images, save, cycles, rates, weights, rasters, memory, resources, shapes, placed)


def build_page(source: BuildSource) -> str:
    """The page as HTML."""
    drawn = [section for make in SECTIONS if (section := make(source)) is not None]
    return draw(source.report.network, f"on {source.report.board}", drawn, source.missing())
