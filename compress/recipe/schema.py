"""A recipe as a typed model: everything that determines a run's result. Its parts are in constraints.py."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from spikewright.compress.methods.dimensions import shrunk_config
from spikewright.compress.methods.tokens import filled, keep_counts
from spikewright.compress.recipe.constraints import Constraints, ConvertedMasks, LotteryMasks, Teacher, Training
from spikewright.echo import quoted
from spikewright.models.convnets import ConvNetConfig
from spikewright.models.data import Source, UserFiles, can_be_bent, parse_name
from spikewright.models.factory import FactoryConfig, build_from_factory
from spikewright.models.graph import Size
from spikewright.models.spikformer import SpikformerConfig
from spikewright.models.strict import Strict


class Target(Strict):
    """What the package shall run on."""

    board: str = Field(description="a board that 'spikewright boards' lists")


class Recipe(Strict):
    """Everything that determines a run's result."""

    name: str = Field(
        description="of the network in the package",
        json_schema_extra={"default": "the recipe file's, without its suffix"},
    )
    data: Source = Field(
        description="digits, clutter-digits, event-digits or mnist-5k; NAME:k: a fold of digits; or a user's files"
    )
    seed: int = Field(default=1, ge=0, lt=2**31)
    threads: int = Field(
        default=1, ge=1, le=1024, description="CPU threads; another number may change last bits of float sums"
    )
    input_bits: int = Field(default=8, ge=2, le=8, description="bits of the image codes")
    model: Annotated[SpikformerConfig | ConvNetConfig | FactoryConfig, Field(discriminator="family")] = (
        SpikformerConfig()
    )
    training: Training = Training()
    teacher: Teacher = Teacher()
    constraints: Constraints
    target: Target | None = Field(default=None, description="draws what was tried: accuracy, cycles, size there")

    @field_validator("name")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
            raise ValueError(f"must be letters, digits, '.', '_' and '-' only, not {quoted(value)}")
        return value

    @field_validator("model", mode="before")
    @classmethod
    def _has_a_family(cls, value: object) -> object:
        if isinstance(value, dict) and "family" not in value:
            return {"family": "factory" if "factory" in value else "spikformer"} | value
        return value

    @field_validator("data")
    @classmethod
    def _known_data(cls, value: str | UserFiles) -> str | UserFiles:
        if isinstance(value, str):
            parse_name(value)
        return value

    @model_validator(mode="after")
    def _bends_digits_only(self) -> Recipe:
        parts = {"training": self.training} | {
            name: getattr(self.constraints, name) for name in Constraints.model_fields
        }
        jittered = [name for name, part in parts.items() if part is not None and part.jitter]
        if jittered and not can_be_bent(self.data):
            moves = (
                "the frames of event-digits are moved"
                if isinstance(self.data, str)
                else "a user's images have data.flip and data.shift"
            )
            raise ValueError(f"{jittered[0]}.jitter bends digits; {moves}")
        return self

    @model_validator(mode="after")
    def _distils_from_someone(self) -> Recipe:
        for name in Constraints.model_fields:
            part = getattr(self.constraints, name)
            if part is not None and part.teacher == "previous" and not self.training.distillation:
                raise ValueError(f"{name}.teacher does nothing where training.distillation is 0")
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> Recipe:
        tokens, masks = self.constraints.tokens, self.constraints.masks
        family = self.model.family
        if isinstance(masks, LotteryMasks) and masks.rewind > self.teacher.epochs:
            raise ValueError(f"masks.rewind must be at most teacher.epochs = {self.teacher.epochs}, not {masks.rewind}")
        converts = isinstance(masks, ConvertedMasks)
        if masks and converts and family not in ("vgg", "resnet"):
            raise ValueError(
                f"masks.method {quoted(masks.method)} compresses an ANN into a vgg or resnet, not a {family}"
            )
        if family in ("vgg", "resnet") and not converts:
            raise ValueError(f"a {family} becomes an SNN by masks.method attention-guided or magnitude")
        given = [self.teacher.checkpoint, self.model.checkpoint if isinstance(self.model, FactoryConfig) else None]
        if all(given):
            raise ValueError("model.checkpoint and teacher.checkpoint say the same: give one")
        if not self.teacher.epochs and not any(given):
            raise ValueError("teacher.epochs may be 0 only where a checkpoint is the teacher")
        if family in ("vgg", "resnet") and self.constraints.neuron:
            raise ValueError(f"neuron: the neurons of a {family} learn threshold and leak anyway")
        if not isinstance(self.model, SpikformerConfig):
            for name in ("structure", "tokens"):
                if getattr(self.constraints, name) is not None:
                    trained = "; trained weights go in by teacher.checkpoint" if family == "factory" else ""
                    raise ValueError(f"{name} works on the blocks of a spikformer, not on a {family}{trained}")
            return self
        self._check_structure(self.model)
        for block in (tokens.before or ()) if tokens else ():
            if not 0 < block < self.model.depth:
                raise ValueError(f"tokens.before must name blocks from 1 to {self.model.depth - 1}, not {block}")
        if tokens and isinstance(tokens.keep, tuple):
            counts = (self.model.tokens, *tokens.keep)
            if len(tokens.keep) != len(self.selector_blocks()):
                raise ValueError(f"tokens.keep must give {len(self.selector_blocks())} counts, not {len(tokens.keep)}")
            if any(not 1 <= b <= a for a, b in pairwise(counts)):
                raise ValueError(f"tokens.keep must fall from at most {self.model.tokens} tokens to at least 1")
            if counts[-1] == counts[0]:
                raise ValueError(f"tokens.keep must fall below the {self.model.tokens} tokens that there are")
        if tokens and self.model.depth < 2:
            raise ValueError("tokens needs a model of at least 2 blocks, because no selector stands before block 0")
        if tokens and self.kept_tokens()[-1] == self.model.tokens:
            if self.model.tokens == 1:
                raise ValueError("tokens: there is one token, which cannot go")
            raise ValueError(f"tokens.fill {tokens.fill} would keep all {self.model.tokens} tokens")
        return self

    def _check_structure(self, model: SpikformerConfig) -> None:
        """ValueError where the structure constraint, or its stream_limit, would change nothing."""
        structure = self.constraints.structure
        if structure is None:
            return
        greatest = 2 * model.depth + 2  # spikes that meet in the stream: two of the stem, two of each block
        if (limit := structure.stream_limit) is not None and limit >= min(model.stream_limit or greatest, greatest):
            reaches = f"is at most {min(model.stream_limit or greatest, greatest)} anyway"
            raise ValueError(f"structure.stream_limit {limit} would change nothing: the residual stream {reaches}")
        small = self.student()
        widths = all(small.widths(block) == model.widths(block) for block in range(model.depth))
        if widths and small.stream_limit == model.stream_limit:
            raise ValueError("structure: no dimension would go, so small are the shares: give qk, v or hidden less")

    def student(self) -> SpikformerConfig:
        """The model's shape once the structure constraint holds."""
        structure = self.constraints.structure
        assert isinstance(self.model, SpikformerConfig)
        if structure is None:
            return self.model
        small = shrunk_config(self.model, qk=structure.qk, v=structure.v, hidden=structure.hidden)
        return small.model_copy(update={"stream_limit": structure.stream_limit or small.stream_limit})

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
            counts = list(tokens.keep)
        else:
            counts = keep_counts(self.model.tokens, tokens.keep, len(blocks))
        return counts if tokens.fill is None else [min(self.model.tokens, filled(c, tokens.fill)) for c in counts]


def size_of(recipe: Recipe) -> Size:
    """What the recipe's network reads and answers."""
    model = recipe.model
    if isinstance(model, FactoryConfig):
        return build_from_factory(model).size
    return Size(model.height, model.width, model.channels, model.classes, model.steps)
