"""report.json: the truth about a BUILD, one typed model. Every table and page is drawn from it.

It holds no times, so equal BUILDs and images give equal bytes: those are in timing.json.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import Field

from spikewright.errors import PlainError
from spikewright.flow.figures import (
    AccuracyFigures,
    CandidateFigures,
    CycleFigures,
    FirstMismatch,
    MemoryFigures,
    NeedFigures,
    OpFigures,
    RateFigures,
    ReportPart,
    ShapeFigures,
    SynthesisFigures,
    TokenFigures,
    UtilisationFigures,
    WeightFigures,
)
from spikewright.flow.json_files import read_json, write_json

REPORT, PAGE, TIMING, SYNTHESIS = "report.json", "report.html", "timing.json", "synthesis.json"


class Report(ReportPart):
    """What a comparison of a BUILD with its golden model found."""

    network: str = Field(description="Name of the network.")
    bit_exact: bool = Field(description="Whether every value of every image is equal.")
    images: int = Field(description="Images compared.")
    steps: int = Field(description="Timesteps of the network.")
    values_compared: int = Field(description="Values compared.")
    mismatches: int = Field(description="Values that differ.")
    mismatched_layers: dict[str, int] = Field(description="Values that differ, by layer.")
    first_mismatch: FirstMismatch | None = Field(description="The first value that differs.")
    silent_layers: list[str] = Field(
        description="Layers that fired on none of these images: that they are equal shows nothing."
    )
    accuracy: AccuracyFigures = Field(description="Right answers at every rung of the ladder.")
    weights: WeightFigures = Field(description="Weights: how many, how wide, how stored.")
    layers: dict[str, OpFigures] = Field(description="The network's layers in their order, by name.")
    tokens: TokenFigures = Field(description="Image patches that enter, and that each selector keeps.")
    cycles: CycleFigures = Field(description="Cycles of an image.")
    utilisation: UtilisationFigures | None = Field(description="How well the adder inputs are used.")
    board: str = Field(description="The board.")
    rate: RateFigures | None = Field(description="Images a second at the board's clock; none without a board.")
    structure: ShapeFigures = Field(description="The accelerator's shape, widths and depths.")
    memory: MemoryFigures = Field(description="What lies where in spike memory, and when.")
    choice: str = Field(description="The shape and why it was chosen.")
    candidates: list[CandidateFigures] = Field(description="Every shape that was considered, fastest first.")
    needs: NeedFigures | None = Field(description="LUT and block RAM by the compiler's models; none without a board.")
    build: str = Field(description="Hash of the BUILD's files.")
    synthesis: SynthesisFigures | None = Field(default=None, description="The placed design, once there is one.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; without a placed design the key is left out."""
        data = self.model_dump(mode="json")
        return data if self.synthesis else {key: value for key, value in data.items() if key != "synthesis"}

    def write(self, folder: Path) -> None:
        """Write it into a BUILD folder, whole or not at all."""
        write_json(folder / REPORT, self.to_dict())

    @property
    def identity(self) -> str:
        """Hash of what was compared, by which its traces are known; the placed design does not count."""
        data = {key: value for key, value in self.to_dict().items() if key != "synthesis"}
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def read_report(folder: Path) -> Report | None:
    """The report of a BUILD folder, None where there is none yet; PlainError for one of another version."""
    try:
        data = read_json(folder / REPORT)
        return Report.model_validate(data) if data else None
    except ValueError:
        raise PlainError(
            f"{folder / REPORT} is not a report of this version; run 'spikewright compare {folder}' to write it again"
        ) from None
