"""What an import tells, as ``import.json``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from spikewright.flow.figures import ReportPart

#: Below this share of a layer's spikes, quantised alone, the user is warned.
WARNED = 0.99


class LayerRow(ReportPart):
    """A layer of the table."""

    kind: str = Field(description="Kind of op.")
    format: str | None = Field(description="Scheme and bits of its weights.")
    used: float | None = Field(description="Greatest code over the greatest there is.")
    rate: float | None = Field(description="Share of its values that are not 0, in the float network.")
    alone: float | None = Field(description="Share of its values that change, quantised and fed by the float network.")
    end_to_end: float | None = Field(description="Share that changes in the whole quantised network.")
    channels: int = Field(description="Channels.")
    dead: int = Field(description="Channels that never fire in the float network.")
    saturated: int = Field(description="Channels that always do.")


class Accuracy(ReportPart):
    """Right answers on the same labelled images."""

    images: int = Field(description="Images.")
    source: str = Field(description="Which.")
    float_: int = Field(alias="float", description="Of the float port.")
    quantised: int = Field(description="Of the quantised network in PyTorch.")
    golden: int = Field(description="Of the package, by the golden model.")


class ImportReport(ReportPart):
    """Everything that an import found out, did and measured."""

    file: str = Field(description="Name of the file.")
    sha256: str = Field(description="Of the file.")
    family: str = Field(description="What network it is.")
    why: str = Field(description="Why it was recognised.")
    where: dict[str, Any] = Field(description="Where the state lay in the file, and what was taken off its names.")
    told: dict[str, Any] = Field(description="FoundSettings that the user told.")
    read: dict[str, Any] = Field(description="FoundSettings that the file's arguments told.")
    assumed: dict[str, Any] = Field(description="FoundSettings of the published family.")
    unused: list[str] = Field(description="Keys that no forward pass reads.")
    notes: list[str] = Field(description="What else there is to know.")
    port: dict[str, Any] | None = Field(description="The float port against its source; null where nothing checked it.")
    calibration: str = Field(description="The images that corrected biases and thresholds.")
    clipped: float = Field(description="Share of their pixels that the image table clips.")
    formats: dict[str, str] = Field(description="Scheme and bits by layer.")
    average_bits: float = Field(description="Bits of a weight on average.")
    images: int = Field(description="Images of the table below.")
    agreement: int = Field(description="Of those, how many keep their class.")
    logits: float = Field(description="Greatest change of a class score over the greatest score.")
    layers: dict[str, LayerRow] = Field(description="By layer, in execution order.")
    accuracy: Accuracy | None = Field(description="Right answers; null without labels.")
    warnings: list[str] = Field(description="What speaks against the result.")
