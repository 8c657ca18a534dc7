"""How fast each kind of parameter learns, and the least step of a quantiser: for the epoch loop here and for yours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

#: Peak rates, as factors of the weights': of quantisers' steps, as parts of their first values, as a step may be of any
#: size and Adam's updates are about the rate itself; of the search's logits, which begin at 0 and must part by some
#: units in a few hundred updates.
STEP_RATE, LOGIT_RATE = 2.0, 100.0
#: A step keeps at least this part of its first value: one that crossed 0 would make its channel a constant.
STEP_FLOOR = 0.125

Named = Iterable[tuple[str, nn.Parameter]]


def parameter_groups(
    network: nn.Module, rate: float, *, neuron_rate: float | None = None, weight_decay: float = 0.05
) -> list[dict[str, Any]]:
    """Groups for ``torch.optim.AdamW``: weights, then what must not decay or learns at a rate of its own.

    rate: of the weights; neuron_rate: of leaks, and of thresholds as parts of their first values (the weights' rate
    where not given); weight_decay: of tensors with more than one dimension. Each group's ``factor`` is its rate over
    the weights', for schedules that set it.
    """
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    logits = [p for n, p in named if n.endswith(".logits")]
    own = [(p, rate * STEP_RATE * float(p.detach().median())) for p in _steps(named)]
    own += [] if neuron_rate is None else _neurons(named, neuron_rate)
    apart = {id(p) for p in (*logits, *(p for p, _ in own))}
    weights = [p for _, p in named if p.dim() > 1 and id(p) not in apart]
    others = [p for _, p in named if p.dim() <= 1 and id(p) not in apart]
    groups = [
        {"params": weights, "lr": rate, "factor": 1.0, "weight_decay": weight_decay},
        {"params": others, "lr": rate, "factor": 1.0, "weight_decay": 0.0},
        {"params": logits, "lr": rate * LOGIT_RATE, "factor": LOGIT_RATE, "weight_decay": 0.0},
    ]
    groups += [{"params": [p], "lr": lr, "factor": lr / rate, "weight_decay": 0.0} for p, lr in own]
    return [group for group in groups if group["params"]]


def step_floors(network: nn.Module) -> Callable[[], None]:
    """What to call after each update of the network, so that no quantiser's step nears 0."""
    floors = [(p, p.detach() * STEP_FLOOR) for p in _steps(network.named_parameters()) if p.requires_grad]

    def hold() -> None:
        with torch.no_grad():
            for parameter, floor in floors:
                parameter.clamp_(min=floor)

    return hold


def _steps(named: Named) -> list[nn.Parameter]:
    """Quantisers' learned steps."""
    return [p for n, p in named if n.endswith(".step") or ".steps." in n]


def _neurons(named: Named, rate: float) -> list[tuple[nn.Parameter, float]]:
    """Leaks and thresholds with their peak rates: a threshold may be of any size, so its rate is a part of it."""
    named = list(named)
    leaks = [(p, rate) for n, p in named if n.endswith(".leak")]
    levels = [(p, rate * float(p.detach().mean())) for n, p in named if n.endswith(".level")]
    return leaks + levels
