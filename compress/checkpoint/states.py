"""The states of a checkpoint: where they lie in a file, which one is meant, what is taken off its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.echo import quoted, shown

#: Keys that weights are usually saved under; others are looked through as well.
WRAPPERS = (
    "state_dict", "state_dict_ema", "model", "net", "model_state_dict", "model_ema", "ema", "module", "network",
    "teacher",
)  # fmt: skip
#: What DistributedDataParallel, torch.compile and wrapping modules put in front of every name.
PREFIXES = ("module.", "_orig_mod.", "model.")
#: An optimizer's moments have the shapes of weights and are none.
_NO_WEIGHTS = re.compile("optim|sched|scaler|rng", re.IGNORECASE)
_AVERAGED = re.compile("(?<![a-z])ema(?![a-z])", re.IGNORECASE)
#: How deep a state may lie, how many prefixes a name may have, how many places a sentence lists.
_DEEPEST, _MOST_PREFIXES, _LISTED = 8, 8, 8


@dataclass(frozen=True, eq=False)
class Found:
    """A state in a file.

    where: its place, keys with dots between; state: names and tensors as they stand; around: the dicts that it lies
    in, from the outermost.
    """

    where: str
    state: dict[str, Tensor]
    around: tuple[dict[str, Any], ...]

    @property
    def averaged(self) -> bool:
        """Whether it holds a moving average of the weights."""
        return any(_AVERAGED.search(key) for key in self.where.split("."))


def chosen(loaded: object, ema: bool | None, key: str | None) -> Found:
    """The one state of what a file holds that is meant; CheckpointError where there is none, or several.

    ema: take the moving average or not, None where there is but one of both; key: the place of the state, or of a dict
    above it.
    """
    found = list(_states(loaded))
    if not found:
        raise CheckpointError(
            "must hold a state_dict: names, and tensors of which one has floating-point numbers on two axes, alone or "
            f"under a key such as {', '.join(WRAPPERS)}; it holds {_contents(loaded)}"
        )
    places = _listed(_place(each) for each in found)
    if key is not None:
        found = [each for each in found if each.where == key or each.where.startswith(f"{key}.")]
        if not found:
            raise CheckpointError(f"has no state_dict at the key {quoted(key)}; it has {places}")
    kinds = {each.averaged for each in found}
    if ema is None and len(kinds) == 2:
        raise CheckpointError(
            f"holds plain weights and their moving average, {places}: choose by --ema or --no-ema, or name one as key"
        )
    if ema is not None:
        found = [each for each in found if each.averaged == ema]
        if not found:
            wanted = "moving average of weights, under a key with ema in it" if ema else "weights but a moving average"
            raise CheckpointError(f"holds no {wanted}; it has {places}")
    if len(found) > 1:
        several = _listed(_place(each) for each in found)
        raise CheckpointError(f"holds {len(found)} states, {several}: name the one that is meant as key")
    return found[0]


def without_prefixes(state: dict[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """What every name of a state begins with for no reason of the network's, and the state without it."""
    taken = ""
    for _ in range(_MOST_PREFIXES):
        for prefix in PREFIXES:
            if all(name.startswith(prefix) and name != prefix for name in state):
                taken += prefix
                state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
                break
        else:
            break
    return taken, state


def _states(
    value: object, path: tuple[str, ...] = (), around: tuple[dict[str, Any], ...] = (), seen: set[int] | None = None
) -> Iterator[Found]:
    """All states in a value, each dict looked at once."""
    seen = set() if seen is None else seen
    if not isinstance(value, dict) or id(value) in seen or len(path) > _DEEPEST:
        return
    seen.add(id(value))
    if _is_state(value):
        yield Found(".".join(path), value, around)
        return
    for key, inner in value.items():
        if isinstance(key, str) and not _NO_WEIGHTS.search(key):
            yield from _states(inner, (*path, key), (*around, value), seen)


def _is_state(value: dict[Any, Any]) -> bool:
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items()):
        return False
    return any(tensor.is_nested or tensor.is_quantized or _is_weight(tensor) for tensor in value.values())


def _is_weight(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dim() >= 2


def _place(found: Found) -> str:
    return found.where or "the whole file"


def _listed(places: Iterable[str]) -> str:
    """Places or keys in a sentence, the first of them."""
    texts = [shown(place) for place in places]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _contents(loaded: object) -> str:
    if not isinstance(loaded, dict):
        return f"one {type(loaded).__name__}"
    keys = [key if isinstance(key, str) else quoted(key) for key in loaded]
    return f"the keys {_listed(keys)}" if keys else "nothing"
