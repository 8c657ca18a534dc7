"""Recipes as typed models: everything that determines a run's result.

A recipe adds constraints that persist, always in the order structure → tokens → masks → neuron → quantisers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from spikewright.compress.factory import FactoryConfig, build_from_factory
from spikewright.compress.plastic import Kind
from spikewright.compress.quantise import Scheme, candidates
from spikewright.compress.structure import Score, shrunk_config
from spikewright.compress.tokens import keep_counts
from spikewright.models.convnets import ConvNetConfig
from spikewright.models.data import parse_name
from spikewright.models.spikformer import SpikformerConfig


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(_Part):
    """What all stages share: AdamW, cosine rate with a two-epoch warm-up, label smoothing."""

    batch: int = Field(default=64, ge=2, description="images a step")
    weight_decay: float = Field(default=0.05, ge=0, description="AdamW's decay of weights with more than one dimension")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="of the cross entropy")
    distillation: float = Field(default=0.5, ge=0, description="factor of KL(student ‖ dense teacher)")
    jitter: bool = Field(default=False, description="bend most of the training digits a little, each epoch anew")
    images: int | None = Field(default=None, ge=2, description="train on the first n images only (tests)")


class Teacher(_Part):
    """The dense float model."""

    epochs: int = Field(default=30, ge=0, description="0: the factory's checkpoint is the teacher as it is")
    rate: float = Field(default=3e-3, gt=0, description="peak learning rate")


class Structure(_Part):
    """DSP: whole dimensions leave the transformer's blocks (paper 3)."""

    method: Literal["dsp"] = "dsp"
    qk: float = Field(default=0.5, gt=0, le=1, description="share of the dimensions of q and k that stays, each head")
    v: float = Field(default=0.5, gt=0, le=1, description="share of the dimensions of v and proj that stays, each head")
    hidden: float = Field(default=0.5, gt=0, le=1, description="share of the MLP's hidden units that stays")
    score: Score = Field(default="activity", description="significance: activity or norm (compress/structure.py)")
    epochs: int = Field(default=15, ge=1)
    rate: float = Field(default=1e-3, gt=0)


class Tokens(_Part):
    """Learned token selectors in front of some blocks."""

    method: Literal["learned", "firing-rate", "random"] = Field(
        default="learned", description="learned, or a control without anything to learn"
    )
    keep: float | tuple[int, ...] = Field(
        default=0.7, description="ρ: the k-th selector keeps int(N0·ρ^k) tokens; or how many each keeps"
    )
    before: tuple[int, ...] | None = Field(default=None, description="blocks with a selector in front; all but block 0")
    epochs: int = Field(default=15, ge=1)
    rate: float = Field(default=2e-3, gt=0)
    ratio_weight: float = Field(default=2.0, ge=0, description="factor of the ratio loss")
    ceiling: float = Field(default=4.0, gt=0, description="clip of the hidden ReLU, in mean firing rate units")
    temperature: float = Field(default=1.0, gt=0, description="of the Gumbel-softmax")

    @field_validator("keep")
    @classmethod
    def _is_a_share(cls, value: float | tuple[int, ...]) -> float | tuple[int, ...]:
        if isinstance(value, float) and not 0 < value <= 1:
            raise ValueError(f"must be above 0 and at most 1, not {value!r}")
        return value


class Masks(_Part):
    """Unstructured pruning: global iterative magnitude pruning with late rewinding, or L1P.

    lottery (paper 1): all weights with ndim > 1 together, in rounds. l1p (paper 3): each matrix of the transformer's
    blocks by itself, at once, then training goes on from the trained weights; rounds and rewind mean nothing there.
    attention-guided (paper 4): a vgg's or resnet's ANN is compressed under the dense ANN's attention maps for
    ``epochs``, becomes an SNN, and learns sparsely for ``final_epochs``; magnitude: its control, without maps and
    regrowth.
    """

    method: Literal["lottery", "l1p", "attention-guided", "magnitude"] = "lottery"
    channels: bool = Field(default=False, description="attention-guided: whole channels go, not single weights")
    attention: float = Field(default=1000.0, ge=0, description="attention-guided: factor of the maps' distance")
    regrowth: float = Field(default=0.3, ge=0, lt=1, description="attention-guided: share that moves, first epoch")
    sparsity: float = Field(default=0.9, ge=0, lt=1, description="share of the weights that goes, exactly")
    banks: int = Field(default=1, ge=1, le=16, description="keep equally many in each bank of an output's inputs")
    start: Literal["rewind", "random"] = Field(
        default="rewind", description="random: a control, the last round starts from new weights"
    )
    rounds: int = Field(default=8, ge=1)
    epochs: int = Field(default=10, ge=1, description="training of each round")
    final_epochs: int | None = Field(default=None, ge=1, description="training of the last round; epochs, if not given")
    rewind: int = Field(default=3, ge=1, description="epoch of the dense training that each round starts from")
    rate: float = Field(default=3e-3, gt=0)


class Neuron(_Part):
    """sLIF: thresholds and leaks learned per channel, with the masked weights (paper 3); and its controls."""

    kind: Kind = Field(default="slif", description="slif; threshold or leak alone; lif: only trained as long")
    epochs: int = Field(default=10, ge=1)
    rate: float = Field(default=1e-3, gt=0)


class LayerFormat(_Part):
    """Weight format of the layers that a pattern names."""

    scheme: Scheme
    bits: int
    fraction_bits: int | None = Field(default=None, ge=0, le=20, description="membrane bits below one weight LSB")


class Quantisers(_Part):
    """Quantisation-aware training in three phases: learned steps, hard token selection, exact membrane grid.

    fixed: formats by layer. search (paper 2): a scheme and a width for each layer are searched first.
    """

    method: Literal["fixed", "search"] = "fixed"
    layers: dict[str, LayerFormat] | None = Field(
        default=None, description="fixed: pattern of layer names → format; the last match decides"
    )
    target_bits: float | None = Field(default=None, ge=2, le=8, description="search: average width to stay within")
    schemes: tuple[Scheme, ...] = Field(default=("uniform", "pot"), description="search: schemes to choose from")
    widths: tuple[int, ...] | None = Field(default=None, description="search: widths to choose from; all, if not given")
    search_epochs: int = Field(default=10, ge=1, description="search: training of the mixtures")
    fraction_bits: int | None = Field(
        default=None, ge=0, le=20, description="membrane bits below one LSB; T + 1, if not given"
    )
    epochs: int = Field(default=10, ge=1, description="learned steps, tokens masked softly")
    gather_epochs: int = Field(default=8, ge=1, description="tokens gathered as inference does; the selectors rest")
    grid_epochs: int = Field(default=6, ge=1, description="norms frozen, integer membrane grid")
    rate: float = Field(default=1e-3, gt=0)

    @model_validator(mode="after")
    def _belongs_to_the_method(self) -> Quantisers:
        if self.method == "fixed":
            if self.layers is None:
                raise ValueError("method fixed needs layers: a pattern of layer names → format")
            if self.target_bits is not None:
                raise ValueError("target_bits belongs to method search")
            return self
        if self.layers is not None:
            raise ValueError("layers belongs to method fixed")
        if self.target_bits is None:
            raise ValueError("method search needs target_bits")
        formats = candidates(self.schemes, self.widths)
        if not formats:
            raise ValueError(f"no format of the schemes {', '.join(self.schemes)} has one of the widths {self.widths}")
        least = min(fmt.bits for fmt in formats)
        if self.target_bits < least:
            raise ValueError(f"target_bits must be at least {least}, the smallest width, not {self.target_bits!r}")
        return self


class Constraints(_Part):
    """Constraints in their fixed order; one that is not given is left out."""

    structure: Structure | None = None
    tokens: Tokens | None = None
    masks: Masks | None = None
    neuron: Neuron | None = None
    quantisers: Quantisers


#: Methods that end in an SNN of a convolutional family.
GUIDED = ("attention-guided", "magnitude")
FAMILIES = ("spikformer", "vgg", "resnet", "factory")


class Recipe(_Part):
    """Everything that determines a run's result."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    data: str = Field(description="data set: digits, clutter-digits, or NAME:k for its k-th fold")
    seed: int = Field(default=1, ge=0)
    threads: int = Field(default=1, ge=1, description="CPU threads; another number may change last bits of float sums")
    input_bits: int = Field(default=8, ge=2, le=8, description="bits of the image codes")
    model: Annotated[SpikformerConfig | ConvNetConfig | FactoryConfig, Field(discriminator="family")] = (
        SpikformerConfig()
    )
    training: Training = Training()
    teacher: Teacher = Teacher()
    constraints: Constraints

    @field_validator("model", mode="before")
    @classmethod
    def _has_a_family(cls, value: object) -> object:
        if isinstance(value, dict) and "family" not in value:
            return {"family": "factory" if "factory" in value else "spikformer"} | value
        return value

    @field_validator("data")
    @classmethod
    def _known_data(cls, value: str) -> str:
        parse_name(value)
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Recipe:
        tokens, masks = self.constraints.tokens, self.constraints.masks
        family = self.model.family
        if masks and masks.method == "attention-guided" and masks.banks > 1 and masks.regrowth:
            raise ValueError("masks.banks cannot hold while weights regrow: set regrowth: 0")
        if masks and masks.rewind > self.teacher.epochs and masks.method == "lottery":
            raise ValueError(f"masks.rewind must be at most teacher.epochs = {self.teacher.epochs}, not {masks.rewind}")
        if masks and masks.method in GUIDED and family not in ("vgg", "resnet"):
            raise ValueError(f"masks.method {masks.method!r} compresses an ANN into a vgg or resnet, not a {family}")
        if family in ("vgg", "resnet") and (masks is None or masks.method not in GUIDED):
            raise ValueError(f"a {family} becomes an SNN by masks.method {' or '.join(GUIDED)}")
        if family in ("vgg", "resnet") and self.constraints.neuron:
            raise ValueError(f"neuron: the neurons of a {family} learn threshold and leak anyway")
        if not isinstance(self.model, SpikformerConfig):
            for name in ("structure", "tokens"):
                if getattr(self.constraints, name) is not None:
                    raise ValueError(f"{name} works on the blocks of a spikformer, not on a {family}")
            return self
        for block in (tokens.before or ()) if tokens else ():
            if not 0 < block < self.model.depth:
                raise ValueError(f"tokens.before must name blocks from 1 to {self.model.depth - 1}, not {block}")
        if tokens and isinstance(tokens.keep, tuple):
            counts = (self.model.tokens, *tokens.keep)
            if len(tokens.keep) != len(self.selector_blocks()):
                raise ValueError(f"tokens.keep must give {len(self.selector_blocks())} counts, not {len(tokens.keep)}")
            if any(not 1 <= b <= a for a, b in pairwise(counts)):
                raise ValueError(f"tokens.keep must fall from at most {self.model.tokens} tokens to at least 1")
        if tokens and self.model.depth < 2:
            raise ValueError("tokens needs a model of at least 2 blocks, because no selector stands before block 0")
        return self

    def student(self) -> SpikformerConfig:
        """The model's shape once the structure constraint holds."""
        structure = self.constraints.structure
        assert isinstance(self.model, SpikformerConfig)
        if structure is None:
            return self.model
        return shrunk_config(self.model, qk=structure.qk, v=structure.v, hidden=structure.hidden)

    def selector_blocks(self) -> tuple[int, ...]:
        """Blocks with a token selector in front of them, ascending."""
        tokens = self.constraints.tokens
        if tokens is None or not isinstance(self.model, SpikformerConfig):
            return ()
        return tuple(range(1, self.model.depth)) if tokens.before is None else tuple(sorted(tokens.before))

    def kept_tokens(self) -> list[int]:
        """Tokens that each selector keeps."""
        tokens, blocks = self.constraints.tokens, self.selector_blocks()
        if tokens is None or not isinstance(self.model, SpikformerConfig):
            return []
        if isinstance(tokens.keep, tuple):
            return list(tokens.keep)
        return keep_counts(self.model.tokens, tokens.keep, len(blocks))


def steps_of(recipe: Recipe) -> int:
    """T of the recipe's network."""
    if isinstance(recipe.model, FactoryConfig):
        return build_from_factory(recipe.model).size.steps
    return recipe.model.steps
