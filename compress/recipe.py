"""Recipes: one typed model, read from YAML, unknown keys refused in one sentence.

A recipe adds constraints that persist, always in the order structure → tokens → masks → neuron → quantisers; this
version has tokens, masks and quantisers.
"""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spikewright.compress.quantise import Scheme, WeightFormat
from spikewright.models.spikformer import SpikformerConfig


class RecipeError(ValueError):
    """A recipe is refused; the text is one sentence."""


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

    epochs: int = Field(default=30, ge=1)
    rate: float = Field(default=3e-3, gt=0, description="peak learning rate")


class Tokens(_Part):
    """Learned token selectors in front of some blocks."""

    keep: float = Field(default=0.7, gt=0, le=1, description="ρ: the k-th selector keeps int(N0·ρ^k) tokens")
    before: tuple[int, ...] | None = Field(default=None, description="blocks with a selector in front; all but block 0")
    epochs: int = Field(default=15, ge=1)
    rate: float = Field(default=2e-3, gt=0)
    ratio_weight: float = Field(default=2.0, ge=0, description="factor of the ratio loss")
    ceiling: float = Field(default=4.0, gt=0, description="clip of the hidden ReLU, in mean firing rate units")
    temperature: float = Field(default=1.0, gt=0, description="of the Gumbel-softmax")


class Masks(_Part):
    """Global iterative magnitude pruning with late rewinding."""

    method: Literal["lottery"] = "lottery"
    sparsity: float = Field(
        default=0.9, ge=0, lt=1, description="share of all weights with ndim > 1 that goes, exactly"
    )
    rounds: int = Field(default=8, ge=1)
    epochs: int = Field(default=10, ge=1, description="training of each round")
    final_epochs: int | None = Field(default=None, ge=1, description="training of the last round; epochs, if not given")
    rewind: int = Field(default=3, ge=1, description="epoch of the dense training that each round starts from")
    rate: float = Field(default=3e-3, gt=0)


class LayerFormat(_Part):
    """Weight format of the layers that a pattern names."""

    scheme: Scheme
    bits: int
    fraction_bits: int | None = Field(default=None, ge=0, le=20, description="membrane bits below one weight LSB")


class Quantisers(_Part):
    """Quantisation-aware training in three phases: learned steps, hard token selection, exact membrane grid."""

    method: Literal["fixed"] = "fixed"
    layers: dict[str, LayerFormat] = Field(description="pattern of layer names → format; the last match decides")
    fraction_bits: int | None = Field(
        default=None, ge=0, le=20, description="membrane bits below one LSB; T + 1, if not given"
    )
    epochs: int = Field(default=10, ge=1, description="learned steps, tokens masked softly")
    gather_epochs: int = Field(default=8, ge=1, description="tokens gathered as inference does; the selectors rest")
    grid_epochs: int = Field(default=6, ge=1, description="norms frozen, integer membrane grid")
    rate: float = Field(default=1e-3, gt=0)


class Constraints(_Part):
    """Constraints in their fixed order; one that is not given is left out."""

    tokens: Tokens | None = None
    masks: Masks | None = None
    quantisers: Quantisers


class Recipe(_Part):
    """Everything that determines a run's result."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    data: Literal["digits", "clutter-digits"]
    seed: int = Field(default=1, ge=0)
    threads: int = Field(default=1, ge=1, description="CPU threads; another number may change last bits of float sums")
    input_bits: int = Field(default=8, ge=2, le=8, description="bits of the image codes")
    model: SpikformerConfig = SpikformerConfig()
    training: Training = Training()
    teacher: Teacher = Teacher()
    constraints: Constraints

    @model_validator(mode="after")
    def _makes_sense(self) -> Recipe:
        tokens, masks = self.constraints.tokens, self.constraints.masks
        for block in (tokens.before or ()) if tokens else ():
            if not 0 < block < self.model.depth:
                raise ValueError(f"tokens.before must name blocks from 1 to {self.model.depth - 1}, not {block}")
        if tokens and self.model.depth < 2:
            raise ValueError("tokens needs a model of at least 2 blocks, because no selector stands before block 0")
        if masks and masks.rewind > self.teacher.epochs:
            raise ValueError(f"masks.rewind must be at most teacher.epochs = {self.teacher.epochs}, not {masks.rewind}")
        return self

    def selector_blocks(self) -> tuple[int, ...]:
        """Blocks with a token selector in front of them, ascending."""
        tokens = self.constraints.tokens
        if tokens is None:
            return ()
        return tuple(range(1, self.model.depth)) if tokens.before is None else tuple(sorted(tokens.before))

    def formats(self, layers: list[str]) -> dict[str, WeightFormat]:
        """Format of each layer; every layer must be matched, and every pattern must match."""
        quantisers = self.constraints.quantisers
        default = self.model.steps + 1 if quantisers.fraction_bits is None else quantisers.fraction_bits
        for pattern in quantisers.layers:
            if not any(fnmatchcase(name, pattern) for name in layers):
                raise RecipeError(f"quantisers.layers: {pattern!r} matches none of the layers {', '.join(layers)}")
        formats = {}
        for name in layers:
            matches = [f for pattern, f in quantisers.layers.items() if fnmatchcase(name, pattern)]
            if not matches:
                raise RecipeError(f"quantisers.layers: no pattern matches layer {name!r}; add '*' as the first one")
            last = matches[-1]
            fraction_bits = default if last.fraction_bits is None else last.fraction_bits
            try:
                formats[name] = WeightFormat(last.scheme, last.bits, fraction_bits)
            except ValueError as error:
                raise RecipeError(f"quantisers.layers: {name}: {error}") from None
        return formats


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        kinds = [] if field is None else [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)


def _sentence(error: ValidationError) -> str:
    fault = error.errors()[0]
    *path, last = fault["loc"] or ("recipe",)
    where = ".".join(map(str, (*path, last)))
    if fault["type"] == "extra_forbidden":
        known = _known_keys(Recipe, tuple(path))
        near = difflib.get_close_matches(str(last), known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] in ("missing", "value_error"):
        return f"{where}: {message}"
    return f"{where}: {message}, not {fault['input']!r}"


def parse_recipe(text: str) -> Recipe:
    """A recipe from YAML text; RecipeError with the first fault, in one sentence."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise RecipeError("a recipe must be a YAML mapping")
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(_sentence(error)) from None


def load_recipe(path: Path | str) -> Recipe:
    """A recipe from a YAML file."""
    try:
        return parse_recipe(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror or error}") from None
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
