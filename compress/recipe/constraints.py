"""A recipe's parts as typed models: what all stages share, and the constraints, one class each.

Constraints persist, always in the order structure → tokens → masks → neuron → quantisers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from spikewright.compress.methods.dimensions import Score
from spikewright.compress.methods.plastic import NeuronKind
from spikewright.compress.methods.quantise import candidates
from spikewright.cost.work import Scheme
from spikewright.echo import quoted
from spikewright.models.data import UserPath
from spikewright.models.neurons import Surrogate
from spikewright.models.strict import Strict

#: Membrane bits below one weight LSB, at most: a threshold, up to 2^16 LSBs (compress/methods/fold.py), must fit int32.
FRACTION_LIMIT = 14
#: Of factors, and of the epochs of a stage; above them a slip is likelier than a wish.
MOST, MOST_EPOCHS = 1e6, 100_000
#: A method that a recipe must name, because another one is meant where it names none.
REQUIRED: dict[str, Any] = {"default": "required"}


class Training(Strict):
    """What all stages share: AdamW, cosine rate, warm-up of two epochs or a quarter, label smoothing."""

    batch: int = Field(default=64, ge=2, le=65536, description="images a step")
    weight_decay: float = Field(
        default=0.05, ge=0, le=MOST, description="AdamW's decay of weights with more than one dimension"
    )
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="of the cross entropy")
    distillation: float = Field(default=0.5, ge=0, le=MOST, description="factor of KL(student ‖ dense teacher)")
    jitter: bool = Field(default=False, description="bend most of the training digits a little, each epoch anew")
    images: int | None = Field(default=None, ge=2, description="train on the first n images only (tests)")


class Teacher(Strict):
    """The dense float model."""

    epochs: int = Field(default=30, ge=0, le=MOST_EPOCHS, description="0: a checkpoint is the teacher as it is")
    rate: float = Field(default=3e-3, gt=0, description="peak learning rate")
    checkpoint: UserPath | None = Field(
        default=None, description="weights that training begins with: .safetensors, or tensors saved by torch"
    )
    key: str | None = Field(
        default=None, description="which state of a checkpoint with several: its place there, such as model_ema"
    )

    @model_validator(mode="after")
    def _key_is_of_a_checkpoint(self) -> Teacher:
        if self.key is not None and self.checkpoint is None:
            raise ValueError("key names a state of a checkpoint: give that too")
        return self


class Constraint(Strict):
    """What every constraint owns beside its epochs and rates."""

    teacher: Literal["dense", "previous"] = Field(
        default="dense", description="whom it distils from: the dense model, or what the stage before left"
    )
    jitter: bool | None = Field(default=None, description="bend its training digits; training.jitter, if not given")


class StructuredPruning(Constraint):
    """DSP: whole dimensions leave the transformer's blocks (paper 3); and a residual stream of fewer bit-planes."""

    method: Literal["dsp"] = "dsp"
    qk: float = Field(default=1.0, gt=0, le=1, description="share of the dimensions of q and k that stays, each head")
    v: float = Field(default=1.0, gt=0, le=1, description="share of the dimensions of v and proj that stays, each head")
    hidden: float = Field(default=1.0, gt=0, le=1, description="share of the MLP's hidden units that stays")
    stream_limit: int | None = Field(default=None, description="the residual stream saturates here: 1, 3 or 7")
    score: Score = Field(default="activity", description="significance: activity or norm (methods/dimensions.py)")
    epochs: int = Field(default=15, ge=1, le=MOST_EPOCHS)
    rate: float = Field(default=1e-3, gt=0)

    @model_validator(mode="after")
    def _asks_for_something(self) -> StructuredPruning:
        if min(self.qk, self.v, self.hidden) == 1 and self.stream_limit is None:
            raise ValueError("nothing would go: give qk, v or hidden a share below 1, or a stream_limit")
        if self.stream_limit not in (None, 1, 3, 7):
            raise ValueError(f"stream_limit must be 1, 3 or 7, what bit-planes hold, not {self.stream_limit}")
        return self


#: Keys of ``Tokens`` that say what a learned selector is.
_OF_LEARNED = ("ratio_weight", "hidden", "ceiling", "temperature")


class Tokens(Constraint):
    """Learned token selectors in front of some blocks."""

    method: Literal["learned", "firing-rate", "random"] = Field(
        default="learned",
        description="firing-rate, random: controls for benchmarks, which `spikewright compress` refuses, as no package "
        "can hold them",
    )
    keep: float | tuple[int, ...] = Field(
        default=0.7, description="ρ: the k-th selector keeps int(N0·ρ^k) tokens; or how many each keeps"
    )
    before: tuple[int, ...] | None = Field(default=None, description="blocks with a selector in front; all but block 0")
    fill: int | None = Field(
        default=None, ge=1, description="token slots of the engine's words: counts are rounded to fill them"
    )
    epochs: int = Field(default=15, ge=1, le=MOST_EPOCHS)
    rate: float = Field(default=2e-3, gt=0)
    ratio_weight: float = Field(default=2.0, ge=0, le=MOST, description="factor of the ratio loss")
    hidden: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description="hidden neurons of a learned selector; half the model's width, if not given",
    )
    ceiling: float = Field(default=4.0, gt=0, le=MOST, description="clip of the hidden ReLU, in mean firing rate units")
    temperature: float = Field(default=1.0, ge=1e-3, le=MOST, description="of the Gumbel-softmax")

    @field_validator("keep")
    @classmethod
    def _is_a_share(cls, value: float | tuple[int, ...]) -> float | tuple[int, ...]:
        if isinstance(value, float) and not 0 < value < 1:
            raise ValueError(f"must be above 0 and below 1, where nothing would go, not {quoted(value)}")
        return value

    @field_validator("before")
    @classmethod
    def _names_each_block_once(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and (not value or len(set(value)) != len(value)):
            raise ValueError(f"must name at least one block, each once, not {list(value)}")
        return value

    @model_validator(mode="after")
    def _controls_learn_nothing(self) -> Tokens:
        fields = type(self).model_fields
        given = [key for key in _OF_LEARNED if getattr(self, key) != fields[key].default]
        if self.method != "learned" and given:
            raise ValueError(f"{given[0]} is of a learned selector; {self.method} has nothing to learn")
        return self


def _share(goes: str) -> Any:
    """The field ``sparsity``, of which each method counts otherwise."""
    return Field(default=0.9, gt=0, lt=1, description=goes)


class _Masks(Constraint):
    """What all methods of unstructured pruning have in common."""

    sparsity: float = _share("share of the weights that goes")
    banks: int = Field(default=1, ge=1, le=16, description="keep equally many in each bank of an output's inputs")
    rate: float = Field(default=3e-3, gt=0)


class LotteryMasks(_Masks):
    """Paper 1: global iterative magnitude pruning of all weights with ndim > 1 together, with late rewinding."""

    sparsity: float = _share(
        "share of all weights that is gone after round `rounds`, exactly, or with banks at least; the selectors' "
        "stay, but count as kept"
    )
    method: Literal["lottery"] = "lottery"
    start: Literal["rewind", "random"] = Field(
        default="rewind",
        description="random: a control, the last round starts from new weights, trained as the early ones, but masked",
    )
    rounds: int = Field(default=8, ge=1, le=1000, description="rounds in which the sparsity is reached")
    stop_after: int | None = Field(default=None, ge=1, description="the round that is taken; the last, if not given")
    epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS, description="training of each round")
    final_epochs: int | None = Field(
        default=None, ge=1, le=MOST_EPOCHS, description="training of the last round; epochs, if not given"
    )
    rewind: int = Field(
        default=3, ge=0, description="epoch of the dense training that each round starts from; 0: what it began with"
    )

    @property
    def last_round(self) -> int:
        """The round whose network goes on."""
        return self.rounds if self.stop_after is None else self.stop_after

    @model_validator(mode="after")
    def _stops_at_a_round(self) -> LotteryMasks:
        if self.last_round > self.rounds:
            raise ValueError(f"stop_after must be at most rounds = {self.rounds}, not {self.stop_after}")
        return self


class L1PMasks(_Masks):
    """Paper 3: each matrix of the transformer's blocks by itself, at once; training goes on from trained weights."""

    sparsity: float = _share(
        "share that goes of each matrix of the blocks, exactly, or with banks at least; all other weights stay"
    )
    method: Literal["l1p"] = Field(default="l1p", json_schema_extra=REQUIRED)
    epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS, description="training of the pruned network")


class _ConvertedMasks(_Masks):
    """What becomes of a vgg's or resnet's ANN: compressed, then an SNN that is trained on."""

    sparsity: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="share of all weights that goes, exactly, or with banks or channels at least; 0: an SNN alone",
    )
    epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS, description="training of the compressed ANN")
    final_epochs: int | None = Field(
        default=None, ge=1, le=MOST_EPOCHS, description="training of the SNN; epochs, if not given"
    )
    final_rate: float | None = Field(default=None, gt=0, description="peak rate of the SNN; rate, if not given")
    leak: float = Field(default=1.0, ge=0, le=1, description="leak that the SNN's training starts from")
    surrogate: Surrogate = Field(default="flat-triangle", description="surrogate gradient of the SNN's spikes")
    channels: bool = Field(default=False, description="whole channels go, not single weights")

    @model_validator(mode="after")
    def _channels_need_no_banks(self) -> Self:
        if self.channels and self.banks > 1:
            raise ValueError("banks hold equally many single weights, but whole channels go: set channels: false")
        return self


class GuidedMasks(_ConvertedMasks):
    """Paper 4: the ANN is compressed under the dense ANN's attention maps; the SNN learns sparsely, with regrowth."""

    method: Literal["attention-guided"] = Field(default="attention-guided", json_schema_extra=REQUIRED)
    attention: float = Field(default=1000.0, ge=0, le=MOST, description="factor of the maps' distance")
    regrowth: float = Field(
        default=0.3, ge=0, lt=1, description="share that moves after an epoch, at first; falls along a cosine"
    )


class MagnitudeMasks(_ConvertedMasks):
    """The control of paper 4: pruned by magnitude, without maps and regrowth."""

    method: Literal["magnitude"] = Field(default="magnitude", json_schema_extra=REQUIRED)


ConvertedMasks = GuidedMasks | MagnitudeMasks
MasksConstraint = LotteryMasks | L1PMasks | ConvertedMasks


class NeuronConstraint(Constraint):
    """sLIF: thresholds and leaks learned per channel, with the masked weights (paper 3); and its controls."""

    kind: NeuronKind = Field(
        default="slif", description="slif: both; threshold or leak alone; lif: neither, but trained as long"
    )
    epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS)
    rate: float = Field(default=1e-3, gt=0, description="peak learning rate of all but the neurons")
    neuron_rate: float = Field(
        default=1e-2, gt=0, description="peak learning rate of leaks, and of thresholds as parts of what they begin at"
    )

    @model_validator(mode="after")
    def _plain_neurons_learn_nothing(self) -> NeuronConstraint:
        if self.kind == "lif" and self.neuron_rate != type(self).model_fields["neuron_rate"].default:
            raise ValueError("neuron_rate is of neurons that learn; lif has nothing to learn")
        return self


class LayerFormat(Strict):
    """Weight format of the layers that a pattern names by their modules' paths, as ``*.proj_conv`` does."""

    scheme: Scheme
    bits: int = Field(description="2 to 8, of pot 3 or 4")
    fraction_bits: int | None = Field(
        default=None, ge=0, le=FRACTION_LIMIT, description="membrane bits below one weight LSB"
    )


class _Quantisers(Constraint):
    """Quantisation-aware training in three phases: learned steps, hard token selection, exact membrane grid."""

    fraction_bits: int | None = Field(
        default=None,
        ge=0,
        le=FRACTION_LIMIT,
        description="membrane bits below one LSB; T + 1, if not given, or the most",
    )
    epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS, description="learned steps, tokens masked softly")
    gather_epochs: int = Field(
        default=8, ge=1, le=MOST_EPOCHS, description="tokens gathered as inference does; the selectors rest"
    )
    grid_epochs: int = Field(default=6, ge=1, le=MOST_EPOCHS, description="norms frozen, integer membrane grid")
    rate: float = Field(default=1e-3, gt=0)


class FixedQuantisers(_Quantisers):
    """Formats by layer, as the recipe says."""

    method: Literal["fixed"] = "fixed"
    layers: dict[str, LayerFormat] = Field(description="pattern of layer names → format; the last match decides")


class SearchedQuantisers(_Quantisers):
    """A scheme and a width for each layer are searched first (paper 2)."""

    method: Literal["search"] = Field(default="search", json_schema_extra=REQUIRED)
    target_bits: float = Field(ge=2, le=8, description="average width, reached to within 0.01 if layers allow")
    fraction_bits: int | None = Field(
        default=None,
        ge=0,
        le=FRACTION_LIMIT,
        description="membrane bits below one LSB; T + 1, if not given, or the most; 1 where a format's values reach "
        "above 16, and 0 in a layer that reads image codes of 5 bits or more",
    )
    schemes: tuple[Scheme, ...] = Field(default=("uniform", "pot"), min_length=1, description="schemes to choose from")
    widths: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="widths to choose from; all, if not given"
    )
    search_epochs: int = Field(default=10, ge=1, le=MOST_EPOCHS, description="training of the mixtures")

    @model_validator(mode="after")
    def _can_be_reached(self) -> SearchedQuantisers:
        had = sorted({fmt.bits for fmt in candidates(self.schemes)})
        if strange := [width for width in self.widths or () if width not in had]:
            some, schemes = (", ".join(map(str, values)) for values in (had, self.schemes))
            raise ValueError(f"widths must be among {some}, those of {schemes}, not {strange[0]}")
        least = min(self.widths or had)
        if self.target_bits < least:
            raise ValueError(
                f"target_bits must be at least {least}, the smallest width, not {quoted(self.target_bits)}"
            )
        return self


Quantisers = FixedQuantisers | SearchedQuantisers


class Constraints(Strict):
    """Constraints in their fixed order; one that is not given is left out."""

    structure: StructuredPruning | None = None
    tokens: Tokens | None = None
    masks: Annotated[MasksConstraint, Field(discriminator="method")] | None = None
    neuron: NeuronConstraint | None = None
    quantisers: Annotated[Quantisers, Field(discriminator="method")]

    @field_validator("masks", "quantisers", mode="before")
    @classmethod
    def _has_a_method(cls, value: object, info: ValidationInfo) -> object:
        usual = {"masks": "lottery", "quantisers": "fixed"}[str(info.field_name)]
        return {"method": usual} | value if isinstance(value, dict) else value
