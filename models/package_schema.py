"""The JSON part of a model package as typed, frozen models (docs/package.md).

Only what one op says about itself is checked here; what ops say about each other, and the tensors, is checked by
``spikewright.models.package_check`` and ``package_tensors``.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StrictBool,
    field_validator,
    model_validator,
)

from spikewright.echo import quoted
from spikewright.models import package_limits as limits

FORMAT: Literal["spikewright-package"] = "spikewright-package"
VERSION: Literal[1] = 1
IMAGE = "input"
#: Widths each scheme allows.
SCHEME_BITS = {"uniform": range(2, 9), "pot": range(3, 5)}


class Scheme(StrEnum):
    """How a weight code becomes an integer."""

    UNIFORM = "uniform"  #: value(code) = code
    POT = "pot"  #: value(code) = sign(code) * 2**(|code| - 1), value(0) = 0


class Reset(StrEnum):
    """What a spike does to the membrane, in the step of the spike."""

    HARD = "hard"  #: u = 0
    SOFT = "soft"  #: u = u - threshold


class Compare(StrEnum):
    """When a neuron fires, and with it the rounding of the leak."""

    GE = "ge"  #: u >= threshold, the leak rounds down
    GT = "gt"  #: u > threshold, the leak rounds up


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only characters that print are allowed: no line breaks, tabs or control characters")
    return text


Positive = Annotated[int, Field(strict=True, ge=1)]
Side = Annotated[int, Field(strict=True, ge=1, le=limits.SIDE)]
Channels = Annotated[int, Field(strict=True, ge=1, le=limits.CHANNELS)]
FractionBits = Annotated[int, Field(strict=True, ge=0, le=20)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$", max_length=limits.NAME)]
Text = Annotated[str, Field(min_length=1, max_length=limits.TEXT), AfterValidator(_printable)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, values: object) -> object:
        # a million unknown fields would be a million faults in memory, of which one is told
        if isinstance(values, dict) and len(values) > 2 * len(cls.model_fields):
            raise ValueError(f"{len(values)} fields are too many; only those of docs/package.md are allowed")
        return values


class ImageFormat(_Model):
    """Size of the image, and the integer codes its bytes become.

    frames: each step has an image of its own.
    """

    height: Side
    width: Side
    channels: Channels
    bits: Annotated[int, Field(strict=True, ge=1, le=8)]
    signed: StrictBool
    frames: StrictBool = False

    @property
    def code_range(self) -> tuple[int, int]:
        """Least and greatest code that ``bits`` and ``signed`` allow."""
        if self.signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1


class WeightFormat(_Model):
    """Scheme and width of an op's weight codes."""

    scheme: Scheme
    bits: Annotated[int, Field(strict=True)]

    @model_validator(mode="after")
    def _bits_fit_scheme(self) -> Self:
        allowed = SCHEME_BITS[self.scheme.value]
        if self.bits not in allowed:
            raise ValueError(f"{self.scheme} weights have {allowed[0]} to {allowed[-1]} bits, not {quoted(self.bits)}")
        return self

    @property
    def max_code(self) -> int:
        """Greatest magnitude of a code."""
        return (1 << (self.bits - 1)) - 1


class NeuronFormat(_Model):
    """Semantics of the neurons of one op; leak in sixteenths, membrane grid 2**-fraction_bits weight LSBs.

    Without a leak here each channel has its own, in a tensor.
    """

    leak: Annotated[int, Field(strict=True, ge=0, le=16)] | None
    reset: Reset
    compare: Compare
    fraction_bits: FractionBits


class _Op(_Model):
    name: Name

    @field_validator("name")
    @classmethod
    def _not_the_image(cls, name: str) -> str:
        if name == IMAGE:
            raise ValueError(f"the name {IMAGE!r} is kept for the image")
        return name

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the values the op reads, in order."""
        raise NotImplementedError


class ShortcutFormat(_Model):
    """A second value added to an op's sums, in its weight LSBs: through a matrix, or each channel by a gain."""

    input: Name
    through: Literal["matrix", "gain"]
    weights: WeightFormat | None = None

    @model_validator(mode="after")
    def _weights_of_a_matrix(self) -> Self:
        if (self.weights is None) != (self.through == "gain"):
            raise ValueError("a shortcut through a matrix has weights, one by a gain has none")
        return self


class ConvOp(_Op):
    """3x3 convolution, stride 1, zero padding 1, and a shortcut if there is one, then neurons."""

    kind: Literal["conv"] = "conv"
    input: Name
    channels: Channels
    weights: WeightFormat
    neuron: NeuronFormat
    shortcut: ShortcutFormat | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.input,) if self.shortcut is None else (self.input, self.shortcut.input)


class PoolOp(_Op):
    """Pooling of spikes: OR of 3x3 windows, stride 2, padding 1; or the count of spikes in 2x2 windows, stride 2."""

    kind: Literal["pool"] = "pool"
    input: Name
    function: Literal["or", "count"] = "or"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.input,)


class AddOp(_Op):
    """a + b, b spikes; at most ``limit``, 2**p - 1, if there is one."""

    kind: Literal["add"] = "add"
    inputs: tuple[Name, Name]
    limit: Annotated[int, Field(strict=True)] | None = None

    @field_validator("limit")
    @classmethod
    def _fills_planes(cls, limit: int | None) -> int | None:
        if limit is not None and (not 1 <= limit <= limits.STREAM or limit & (limit + 1)):
            raise ValueError(f"a limit must be 1, 3, 7, ... or {limits.STREAM}, the greatest value of some bit-planes")
        return limit

    @property
    def reads(self) -> tuple[str, ...]:
        return self.inputs


class LinearOp(_Op):
    """A matrix applied to each token, then neurons."""

    kind: Literal["linear"] = "linear"
    input: Name
    channels: Channels
    weights: WeightFormat
    neuron: NeuronFormat

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.input,)


class AttentionOp(_Op):
    """Softmax-free attention (q k^T) v over spikes in contiguous heads, then neurons."""

    kind: Literal["attention"] = "attention"
    query: Name
    key: Name
    value: Name
    heads: Positive
    neuron: NeuronFormat

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.query, self.key, self.value)


class HiddenLayer(_Model):
    """First layer of a token selector's MLP; its output is clip(a >> shift, 0, 255)."""

    channels: Channels
    weights: WeightFormat
    fraction_bits: FractionBits
    shift: Annotated[int, Field(strict=True, ge=0, le=31)]


class ScoreLayer(_Model):
    """Second layer of a token selector's MLP: one score a token."""

    weights: WeightFormat
    fraction_bits: FractionBits


class SelectOp(_Op):
    """Token selector: keeps the ``keep`` tokens with the greatest scores, in their old order."""

    kind: Literal["select"] = "select"
    input: Name
    keep: Positive
    hidden: HiddenLayer
    score: ScoreLayer

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.input,)


class HeadOp(_Op):
    """Classifier: scores summed over steps and tokens."""

    kind: Literal["head"] = "head"
    input: Name
    channels: Channels
    weights: WeightFormat
    fraction_bits: FractionBits

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.input,)


Op = Annotated[
    ConvOp | PoolOp | AddOp | LinearOp | AttentionOp | SelectOp | HeadOp,
    Field(discriminator="kind"),
]


class Network(_Model):
    """The network: what the JSON text of a package holds."""

    format: Literal["spikewright-package"] = FORMAT
    version: Literal[1] = VERSION
    name: Text
    data: Text | None = None
    steps: Annotated[int, Field(strict=True, ge=1, le=limits.STEPS)]
    input: ImageFormat
    ops: Annotated[tuple[Op, ...], Field(min_length=1, max_length=limits.OPS), FailFast()]
    output: Name
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of an image's bytes: height, width, channels; with frames behind the timesteps."""
        image = self.input
        still = (image.height, image.width, image.channels)
        return (self.steps, *still) if image.frames else still

    def op(self, name: str) -> Op:
        """The op of that name; KeyError if there is none."""
        for op in self.ops:
            if op.name == name:
                return op
        raise KeyError(name)
