"""What weights cannot tell: each setting is told by the user, read in the file's arguments, or asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.echo import quoted, shown

AnyValue = TypeVar("AnyValue")


@dataclass(frozen=True)
class Setting:
    """A setting: the option that tells it, and the names that training programs give it in their arguments."""

    option: str
    names: tuple[str, ...]
    whole: bool = True


#: FoundSettings of a Spikformer, by the name they have here.
SPIKFORMER = {
    "steps": Setting("--steps", ("time_step", "time_steps", "T", "timestep", "timesteps", "steps")),
    "heads": Setting("--heads", ("num_heads", "heads", "nhead")),
    "mean": Setting("--mean", ("mean",), whole=False),
    "std": Setting("--std", ("std",), whole=False),
}


@dataclass
class FoundSettings:
    """FoundSettings as they are found out.

    arguments: of the training, as they stand in the file; told, read, assumed: what became of each, in words.
    """

    arguments: Mapping[str, Any]
    told: dict[str, Any] = field(default_factory=dict)
    read: dict[str, Any] = field(default_factory=dict)
    assumed: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, given: AnyValue | None, clean: Callable[[Any], AnyValue | None]) -> AnyValue | None:
        """A setting, or None where neither the user nor the file tells it; CheckpointError where they contradict.

        clean: what a value in the file means; None for one that means nothing.
        """
        setting = SPIKFORMER[name]
        found = [(key, value) for key in setting.names if (value := clean(self.arguments.get(key))) is not None]
        for key, value in found:
            if given is not None and value != given:
                raise CheckpointError(
                    f"{setting.option} {_words(given)} contradicts the file, whose training arguments say "
                    f"{shown(key, 40)} = {_words(value)}"
                )
        if given is not None:
            self.told[name] = given
            return given
        if found:
            self.read[name] = found[0][1]
            return found[0][1]
        return None

    def need(self, name: str, given: AnyValue | None, clean: Callable[[Any], AnyValue | None], why: str) -> AnyValue:
        """A setting that nothing may stand in for; CheckpointError asks for it."""
        value = self.get(name, given, clean)
        if value is None:
            raise CheckpointError(
                f"{SPIKFORMER[name].option} is missing: {why}, and neither the weights nor the file's arguments "
                f"({', '.join(SPIKFORMER[name].names[:3])}) tell it"
            )
        return value

    def told_or_assumed(self, name: str, given: AnyValue | None, usual: AnyValue) -> AnyValue:
        """What the user tells, or what is so in all published networks of the family."""
        if given is None:
            return self.assume(name, usual)
        self.told[name] = given
        return given

    def assume(self, name: str, value: AnyValue) -> AnyValue:
        """What is so in all published networks of the family; it is told as assumed."""
        self.assumed[name] = value
        return value


def whole_number(value: Any) -> int | None:
    """A positive whole number of the arguments."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def image_side(value: Any) -> int | None:
    """Height and width of a square image, given as one number, [C, H, W] or [H, W]."""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (2, 3):
        sides = {whole_number(each) for each in value[-2:]}
        return sides.pop() if len(sides) == 1 else None
    return whole_number(value)


def channel_numbers(value: Any) -> tuple[float, ...] | None:
    """Numbers by channel."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    numbers = [each for each in value if isinstance(each, int | float) and not isinstance(each, bool)]
    return tuple(map(float, numbers)) if len(numbers) == len(value) else None


def _words(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else shown(str(value), 60)
