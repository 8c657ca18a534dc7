"""report.json: the truth about a BUILD, one typed model. Every table and page is drawn from it.

It holds no times, so equal BUILDs and images give equal bytes: those are in timing.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from spikewright.boards.report import CriticalPath, Use
from spikewright.errors import PlainError
from spikewright.flow.json_files import read_json, write_json

REPORT, TIMING, SYNTHESIS = "report.json", "timing.json", "synthesis.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FirstMismatch(_Part):
    """The first value that differs."""

    image: int = Field(description="Number of the image.")
    layer: str = Field(description="Layer, or `NAME.kept` of a selector.")
    step: int = Field(description="Timestep.")
    token: int = Field(description="Token; for kept tokens the place in their list.")
    channel: int = Field(description="Channel; for class scores the class.")
    expected: int = Field(description="What the golden model has.")
    got: int = Field(description="What the accelerator had.")


class AnswerFigures(_Part):
    """Right answers of a rung."""

    correct: int = Field(description="Images answered right.")
    count: int = Field(description="Images asked.")


class AccuracyFigures(_Part):
    """Right answers at every rung of the ladder, over the same images; null where there are no labels or no record."""

    float: AnswerFigures | None = Field(description="The dense network before compression, from the package's record.")
    quantised: AnswerFigures | None = Field(description="The compressed network as trained, from the package's record.")
    golden: AnswerFigures | None = Field(description="The integers of the package.")
    rtl: AnswerFigures | None = Field(description="The simulated hardware.")


class CompressionFigures(_Part):
    """How much smaller the package's own weights are than in float, counted in three ways."""

    bits: float = Field(description="32 over the average bits of a weight.")
    weights: float = Field(description="All weights over those kept.")
    stored: float = Field(description="32 for every weight over all stored bits.")


class RomFigures(_Part):
    """Stored bits by use."""

    value: int = Field(description="Weight codes.")
    index: int = Field(description="Address offsets of the weights' inputs, and which of two values they are of.")
    count: int = Field(description="Lengths of the lists.")
    padding: int = Field(description="Captures of the residual stream, and unused halves of rows.")
    neuron: int = Field(description="Biases, thresholds and destinations.")
    total: int = Field(description="All of them.")


class WeightFigures(_Part):
    """Weights of all layers, token selectors included."""

    total: int = Field(description="All weights.")
    kept: int = Field(description="Weights whose code is not zero.")
    sparsity: float = Field(description="Share that pruning took.")
    average_bits: float = Field(description="Bits of a code over all weights, pruned ones included.")
    average_bits_kept: float = Field(description="Bits of a code over the weights kept.")
    compression: CompressionFigures = Field(description="How much smaller than float.")
    schemes: dict[str, int] = Field(description="Weights by scheme.")
    rom_bits: RomFigures = Field(description="Stored bits by use.")
    stored_bits_per_weight: float = Field(description="All stored bits over the weights kept.")


class TokenFigures(_Part):
    """Image patches on their way."""

    initial: int = Field(description="Tokens before the first selector.")
    kept: list[int] = Field(description="Tokens that each selector keeps.")


class LayerFigures(_Part):
    """Cycles of a layer: means over the images."""

    cycles: float = Field(description="Cycles measured.")
    predicted: int = Field(description="Cycles the compiler predicts without skipping.")
    pairs: int = Field(description="(weight, plane) pairs in all.")
    issued: float = Field(description="Pairs that were issued.")
    skipped: float = Field(description="Pairs that were skipped.")


class BreakdownFigures(_Part):
    """Where the cycles of an image go; adds up to ``per_image``."""

    useful: float = Field(description="Issued pairs, spread evenly over all banks and streams.")
    imbalance: float = Field(description="What the busiest bank needs beyond that, by the pairs issued.")
    lif_minimum: float = Field(description="Waiting for the LIF array: the least distance between two sums.")
    skipped: float = Field(description="Slots of skipped words that saved no time: LIF array or another bank was busy.")
    products: float = Field(description="KᵀV.")
    selector: float = Field(description="The token selectors' layers, ranking, compaction.")
    copies: float = Field(description="Halo and pool.")
    load: float = Field(description="Pixels into spike memory.")
    overhead: float = Field(description="Filling and draining the pipeline.")


class CycleFigures(_Part):
    """Cycles of an image."""

    per_image: float = Field(description="Mean over the images.")
    predicted: int = Field(description="The compiler's prediction without skipping.")
    skipping: bool = Field(description="Whether the engine skips silent words.")
    gain: float | None = Field(description="Predicted over measured.")
    layers: dict[str, LayerFigures] = Field(description="By layer.")
    breakdown: BreakdownFigures = Field(description="Where they go.")


class UtilisationFigures(_Part):
    """Additions that had to be done over slot-lanes · cycles. Attention counts the KᵀV elements as weights."""

    dense: float = Field(description="For all weights of the dense network.")
    weight_sparse: float = Field(description="For the weights kept.")
    dual_sparse: float = Field(description="For the weights kept that meet a 1 bit.")


class RateFigures(_Part):
    """What the board would do: the accelerator alone, not the serial link."""

    clock_mhz: float = Field(description="The board's clock, MHz.")
    images_per_second: float | None = Field(description="Images a second at that clock.")


class ShapeFigures(_Part):
    """What is fixed when the design is synthesised."""

    lanes: int = Field(description="Lanes of a word.")
    tokens: int = Field(description="Token slots of a word.")
    steps: int = Field(description="Timesteps of a word.")
    banks: int = Field(description="Channel banks.")
    streams: int = Field(description="Output channels at once.")
    skip: bool = Field(description="Whether silent words are skipped.")
    widths: dict[str, int] = Field(description="Widths, bits.")
    depths: dict[str, int] = Field(description="Depths, words; and flags.")


class NeedFigures(_Part):
    """What the structure takes, by the compiler's models."""

    lut: int = Field(description="LUT, estimated.")
    block_ram: dict[str, int] = Field(description="Block RAMs by use.")


class SynthesisFigures(_Part):
    """After ``spikewright synthesize``: the placed design."""

    board: str = Field(description="The board.")
    part: str = Field(description="Its device.")
    seed: int = Field(description="Seed of the placer.")
    lut: Use = Field(description="LUT used and there.")
    ff: Use = Field(description="Flip-flops used and there.")
    block_ram: Use = Field(description="Block RAMs used and there.")
    dsp: Use = Field(description="Hard multipliers used and there.")
    lut_ram: Use = Field(description="Distributed memory write ports used and there.")
    fmax_mhz: float = Field(description="Clock that the design reaches, MHz.")
    clock_mhz: float = Field(description="Clock of the board, MHz.")
    critical_path: CriticalPath | None = Field(description="The slowest path between registers.")
    meets_clock: bool = Field(description="Whether the design may run at the board's clock.")
    images_per_second: float = Field(description="Images a second at Fmax.")
    images_per_second_per_klut: float = Field(description="The same for each thousand LUT.")


class Report(_Part):
    """What a comparison of a BUILD with its golden model found."""

    bit_exact: bool = Field(description="Whether every value of every image is equal.")
    images: int = Field(description="Images compared.")
    values_compared: int = Field(description="Values compared.")
    mismatches: int = Field(description="Values that differ.")
    mismatched_layers: dict[str, int] = Field(description="Values that differ, by layer.")
    first_mismatch: FirstMismatch | None = Field(description="The first value that differs.")
    silent_layers: list[str] = Field(
        description="Layers that fired on none of these images: that they are equal shows nothing."
    )
    accuracy: AccuracyFigures = Field(description="Right answers at every rung of the ladder.")
    weights: WeightFigures = Field(description="Weights: how many, how wide, how stored.")
    tokens: TokenFigures = Field(description="Image patches that enter, and that each selector keeps.")
    cycles: CycleFigures = Field(description="Cycles of an image.")
    utilisation: UtilisationFigures | None = Field(description="How well the adder inputs are used.")
    board: str = Field(description="The board.")
    rate: RateFigures | None = Field(description="Images a second at the board's clock; none without a board.")
    structure: ShapeFigures = Field(description="The accelerator's shape, widths and depths.")
    choice: str = Field(
        description="The shape and why it was chosen; every other one that was considered is in `program.json`."
    )
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


def read_report(folder: Path) -> Report | None:
    """The report of a BUILD folder, None where there is none yet; PlainError for one of another version."""
    try:
        data = read_json(folder / REPORT)
        return Report.model_validate(data) if data else None
    except ValueError:
        raise PlainError(
            f"{folder / REPORT} is not a report of this version; run 'spikewright compare {folder}' to write it again"
        ) from None
