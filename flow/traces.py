"""traces.json: pictures of a few images that a comparison has left: tokens that were kept, spikes by layer and step.

It belongs to the report.json beside it, and holds what the simulated hardware did, not what the golden model expects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from spikewright.errors import PlainError
from spikewright.flow.figures import ReportPart
from spikewright.flow.json_files import read_json, write_json

TRACES = "traces.json"


class Selection(ReportPart):
    """What a token selector left of an image."""

    name: str = Field(description="The selector.")
    grid: tuple[int, int] = Field(description="Rows and columns of the tokens before the first selector.")
    kept: list[int] = Field(description="Tokens kept, as places of that grid, row by row.")


class PicturedImage(ReportPart):
    """One test image."""

    number: int = Field(description="Number of the image.")
    label: int | None = Field(description="Its true class; null where it is not known.")
    golden: int = Field(description="Class by the golden model.")
    rtl: int = Field(description="Class by the simulated hardware.")
    right: bool | None = Field(description="Whether the hardware is right; null without a true class.")
    pixels: list[str] = Field(
        description="Its picture, a string for each row, three hexadecimal digits (red, green, blue) for each pixel; "
        "an event camera's is the sum of its frames. Larger images are made smaller."
    )
    selections: list[Selection] = Field(description="By selector, in their order.")


class Raster(ReportPart):
    """Spikes of a layer for one image."""

    name: str = Field(description="The layer.")
    tokens: int = Field(description="Its tokens.")
    channels: int = Field(description="Its channels.")
    fired: float = Field(description="Share of its spikes that are 1, for this image.")
    columns: int = Field(description="Columns for each step; tokens share one where there are more.")
    rows: list[str] = Field(
        description="A string for each row of channels, a digit for each column of every step: 0 for none, 9 for all."
    )


class Traces(ReportPart):
    """What is shown of a few images."""

    report: str = Field(description="Hash of the report.json that it belongs to.")
    images: list[PicturedImage] = Field(description="Up to eight images, wrong answers among them.")
    raster_image: int = Field(description="Image of the rasters: that of the first mismatch, else the first.")
    frames: list[list[str]] = Field(description="Frames of that image by step, drawn as `pixels`; none of a still one.")
    rasters: list[Raster] = Field(description="By layer with spikes, in the order of execution.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")

    def write(self, folder: Path) -> None:
        """Write it into a BUILD folder, whole or not at all."""
        write_json(folder / TRACES, self.to_dict())


def read_traces(folder: Path, report: str) -> Traces | None:
    """The traces of a BUILD folder; None where there are none, or where they belong to another report.

    report: hash of its report.json. PlainError for a file of another version.
    """
    try:
        data = read_json(folder / TRACES)
        traces = Traces.model_validate(data) if data else None
    except ValueError:
        raise PlainError(
            f"{folder / TRACES} is not of this version; run 'spikewright compare {folder}' to write it again"
        ) from None
    return traces if traces is not None and traces.report == report else None
