"""The parts of a report: typed figures, each with its sentence. Docs, tables and pages are drawn from them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from spikewright.boards.report import CriticalPath, Floorplan, Use


class ReportPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FirstMismatch(ReportPart):
    """The first value that differs."""

    image: int = Field(description="Number of the image.")
    layer: str = Field(description="Layer, or `NAME.kept` of a selector.")
    step: int = Field(description="Timestep.")
    token: int = Field(description="Token; for kept tokens the place in their list.")
    channel: int = Field(description="Channel; for class scores the class.")
    expected: int = Field(description="What the golden model has.")
    got: int = Field(description="What the accelerator had.")


class AnswerFigures(ReportPart):
    """Right answers of a rung."""

    correct: int = Field(description="Images answered right.")
    count: int = Field(description="Images asked.")
    share: float = Field(description="The one over the other.")


class AccuracyFigures(ReportPart):
    """Right answers at every rung of the ladder, over the same images; null where there are no labels or no record."""

    float: AnswerFigures | None = Field(description="The dense network before compression, from the package's record.")
    quantised: AnswerFigures | None = Field(description="The compressed network as trained, from the package's record.")
    golden: AnswerFigures | None = Field(description="The integers of the package.")
    rtl: AnswerFigures | None = Field(description="The simulated hardware.")


class CompressionFigures(ReportPart):
    """How much smaller the package's own weights are than in float, counted in three ways."""

    bits: float = Field(description="32 over the average bits of a weight.")
    weights: float = Field(description="All weights over those kept.")
    stored: float = Field(description="32 for every weight over all stored bits.")


class RomFigures(ReportPart):
    """Stored bits by use."""

    value: int = Field(description="Weight codes.")
    index: int = Field(description="Address offsets of the weights' inputs, and which of two values they are of.")
    count: int = Field(description="Lengths of the lists.")
    padding: int = Field(description="Captures of the residual stream, and unused halves of rows.")
    neuron: int = Field(description="Biases, thresholds and destinations.")
    total: int = Field(description="All of them.")


class WeightFigures(ReportPart):
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


class TokenFigures(ReportPart):
    """Image patches on their way."""

    initial: int = Field(description="Tokens before the first selector.")
    kept: list[int] = Field(description="Tokens that each selector keeps.")


class BreakdownFigures(ReportPart):
    """Where cycles go; adds up to those measured."""

    useful: float = Field(description="Issued pairs, spread evenly over all banks and streams.")
    imbalance: float = Field(description="What the busiest bank needs beyond that, by the pairs issued.")
    lif_minimum: float = Field(description="Waiting for the LIF array: the least distance between two sums.")
    skipped: float = Field(description="Slots of skipped words that saved no time: LIF array or another bank was busy.")
    products: float = Field(description="KᵀV.")
    selector: float = Field(description="The token selectors' layers, ranking, compaction.")
    copies: float = Field(description="Halo and pool.")
    load: float = Field(description="Pixels into spike memory.")
    overhead: float = Field(description="Filling and draining the pipeline.")


class LayerFigures(ReportPart):
    """Cycles of a layer: means over the images."""

    cycles: float = Field(description="Cycles measured.")
    share: float = Field(description="Of all cycles of an image.")
    predicted: int = Field(description="Cycles the compiler predicts without skipping.")
    pairs: int = Field(description="(weight, plane) pairs in all.")
    issued: float = Field(description="Pairs that were issued.")
    skipped: float = Field(description="Pairs that were skipped.")
    skipped_share: float | None = Field(description="Of all its pairs; null without pairs.")
    breakdown: BreakdownFigures = Field(description="Where its cycles go.")


class CycleFigures(ReportPart):
    """Cycles of an image."""

    per_image: float = Field(description="Mean over the images.")
    predicted: int = Field(description="The compiler's prediction without skipping.")
    skipping: bool = Field(description="Whether the engine skips silent words.")
    gain: float | None = Field(description="Predicted over measured.")
    layers: dict[str, LayerFigures] = Field(description="By layer.")
    breakdown: BreakdownFigures = Field(description="Where they go.")


class UtilisationFigures(ReportPart):
    """Additions that had to be done over slot-lanes · cycles. Attention counts the KᵀV elements as weights."""

    dense: float = Field(description="For all weights of the dense network.")
    weight_sparse: float = Field(description="For the weights kept.")
    dual_sparse: float = Field(description="For the weights kept that meet a 1 bit.")


class RateFigures(ReportPart):
    """What the board would do: the accelerator alone, not the serial link."""

    clock_mhz: float = Field(description="The board's clock, MHz.")
    images_per_second: float | None = Field(description="Images a second at that clock.")


class ShapeFigures(ReportPart):
    """What is fixed when the design is synthesised."""

    lanes: int = Field(description="Lanes of a word.")
    tokens: int = Field(description="Token slots of a word.")
    steps: int = Field(description="Timesteps of a word.")
    banks: int = Field(description="Channel banks.")
    streams: int = Field(description="Output channels at once.")
    skip: bool = Field(description="Whether silent words are skipped.")
    widths: dict[str, int] = Field(description="Widths, bits.")
    depths: dict[str, int] = Field(description="Depths, words; and flags.")


class NeedFigures(ReportPart):
    """What the structure takes, by the compiler's models."""

    lut: int = Field(description="LUT, estimated.")
    lut_available: int = Field(description="LUT of the device.")
    lut_units: dict[str, int] = Field(description="Those LUT by unit.")
    blocks: int = Field(description="Block RAMs.")
    blocks_available: int = Field(description="Block RAMs of the device.")
    block_ram: dict[str, int] = Field(description="Those block RAMs by use.")


class OpFigures(ReportPart):
    """A layer of the network: its weights and its spikes. A selector has `NAME.hidden` and `NAME.score` beside it."""

    kind: str = Field(description="What it computes.")
    tokens: int | None = Field(description="Places of its value; null of a head.")
    channels: int | None = Field(description="Channels of its value; null of a head.")
    weights: int = Field(description="Its weights.")
    kept: int = Field(description="Those whose code is not zero.")
    kept_share: float | None = Field(description="The one over the other; null without weights.")
    scheme: str | None = Field(description="Scheme of its weights' codes.")
    bits: int | None = Field(description="Bits of such a code.")
    fired: float | None = Field(description="Share of its spikes that are 1, over all images; null where it has none.")


class StoredValue(ReportPart):
    """A value in spike memory."""

    name: str = Field(description="The layer that writes it.")
    base: int = Field(description="Its first word in every bank.")
    words: int = Field(description="Words of a bank that it takes.")
    planes: int = Field(description="Bit-planes.")
    first: int = Field(description="Descriptor that begins to write it.")
    last: int = Field(description="Descriptor that reads it last.")


class MemoryFigures(ReportPart):
    """Spike memory over the time of an image, in descriptors."""

    depth: int = Field(description="Words of a bank.")
    banks: int = Field(description="Banks.")
    descriptors: int = Field(description="Descriptors of the program.")
    layers: dict[str, int] = Field(description="First descriptor of each layer.")
    values: list[StoredValue] = Field(description="Where each value lies, and how long.")


class CandidateFigures(ReportPart):
    """A shape of the engine that was considered."""

    lanes: int = Field(description="Lanes of a word.")
    banks: int = Field(description="Channel banks.")
    streams: int = Field(description="Output channels at once.")
    estimate: int = Field(description="Cycles by the estimate that ranks the shapes.")
    cycles: int | None = Field(default=None, description="Cycles without skipping, where it was lowered.")
    lut: int | None = Field(
        default=None, description="LUT it needs, estimated, at least where `cycles` is null; null without a board."
    )
    block_ram: int | None = Field(default=None, description="Block RAMs it needs.")
    verdict: str = Field(description="What became of it; empty where it was not looked at.")


class SynthesisFigures(ReportPart):
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
    floorplan: Floorplan | None = Field(default=None, description="Where the units' cells lie.")
    meets_clock: bool = Field(description="Whether the design may run at the board's clock.")
    images_per_second: float = Field(description="Images a second at Fmax.")
    images_per_second_per_klut: float = Field(description="The same for each thousand LUT.")
