"""Neurons of a NIR graph in discrete time: leak, gain, what v_leak adds, and threshold of each channel.

NIR's equations have no timestep: ``τ·dv/dt = (v_leak − v) + r·I``. Over one step of ``dt``, I held,

    euler         v ← (1 − dt/τ)·v + dt/τ·(v_leak + r·I)
    exponential   v ← e^(−dt/τ)·v + (1 − e^(−dt/τ))·(v_leak + r·I)

of an IF, ``v ← v + dt·r·I`` by both. It fires, and is reset, behind that in the same step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_graph import Array, Floats, NirNode, node_error
from spikewright.echo import quoted
from spikewright.models.neurons import Compare, Reset

LeakRule = Literal["euler", "exponential"]
#: NIR's word of a reset, as importers of it have it, and ours.
_RESETS: dict[str, Reset] = {"zero": "hard", "subtract": "soft"}
_COMPARES: dict[str, Compare] = {"ge": "ge", "gt": "gt"}
_RULES: dict[str, LeakRule] = {"euler": "euler", "exponential": "exponential"}


@dataclass(frozen=True)
class Timing:
    """What a NIR file leaves open: the timestep in the units of its τ, how a neuron is reset, how it compares."""

    dt: float
    reset: Reset
    compare: Compare
    rule: LeakRule


class MapShape(NamedTuple):
    """Of a value: channels, rows, columns; flat: a Flatten, or a Linear, has made one axis of them."""

    channels: int
    height: int
    width: int
    flat: bool = False

    @property
    def pixels(self) -> int:
        """Rows times columns."""
        return self.height * self.width

    def __str__(self) -> str:
        axes = (self.channels * self.pixels,) if self.flat else self[:3]
        return "x".join(map(str, axes))


class Dynamics(NamedTuple):
    """Of the neurons of a node, float64 [C]: ``u ← leak·u + gain·I + offset``, a spike where u reaches ``level``."""

    leak: Floats
    gain: Floats
    offset: Floats
    level: Floats


def timing_of(dt: float | None, reset: str | None, compare: str | None, rule: str) -> Timing:
    """The choices that a file leaves open, all of them given; CheckpointError names the option of one that is not."""
    if dt is None:
        raise CheckpointError(
            "NIR tells no timestep, and neurons need one: give --dt, in the units of tau (often 1e-4)"
        )
    if not (math.isfinite(dt) and dt > 0):
        raise CheckpointError(f"--dt must be above 0, not {quoted(dt)}")
    if reset is None:
        raise CheckpointError("NIR does not tell how neurons are reset: give --reset, zero or subtract")
    if reset not in _RESETS:
        raise CheckpointError(f"--reset must be zero or subtract, not {quoted(reset)}")
    if compare is None:
        raise CheckpointError("NIR does not tell whether a membrane at the threshold fires: give --compare, ge or gt")
    if compare not in _COMPARES:
        raise CheckpointError(f"--compare must be ge or gt, not {quoted(compare)}")
    if rule not in _RULES:
        raise CheckpointError(f"leak must be euler or exponential, not {quoted(rule)}")
    return Timing(dt, _RESETS[reset], _COMPARES[compare], _RULES[rule])


def array_of(name: str, node: NirNode, what: str) -> Array:
    """A parameter of a node, whole and finite."""
    if what not in node.arrays:
        raise node_error(name, f"has no {what}")
    array = node.arrays[what]
    if not np.isfinite(array).all():
        raise node_error(name, f"its {what} holds what is no finite number")
    return array


def by_channel(name: str, node: NirNode, what: str, shape: MapShape) -> Floats:
    """A parameter as one number a channel, float64 [C]; it may stand at each position, where it is the same at all."""
    given = array_of(name, node, what).astype(np.float64)
    channels = shape.channels
    if given.size == 1:
        return np.full(channels, given.reshape(-1)[0])
    allowed = [(channels * shape.pixels,)] if shape.flat else [shape[:3], (channels, 1, 1)]
    if given.shape not in allowed:
        has = "x".join(map(str, given.shape))
        raise node_error(name, f"its {what} has shape {has}, but it reads {shape}; they must be equal")
    by_pixel = given.reshape(channels, -1)
    if (by_pixel != by_pixel[:, :1]).any():
        raise node_error(name, f"its {what} differs between pixels of one channel; allowed is one number a channel")
    return by_pixel[:, 0].copy()


def dynamics(name: str, node: NirNode, shape: MapShape, timing: Timing) -> Dynamics:
    """What a LIF or an IF does at a step; CheckpointError where the neuron of a package cannot do it."""
    level, r = (by_channel(name, node, what, shape) for what in ("v_threshold", "r"))
    if (level <= 0).any():
        raise node_error(name, f"its v_threshold is {level.min():g}; allowed is what is above 0")
    if (r <= 0).any():
        raise node_error(name, f"its r is {r.min():g}; allowed is what is above 0")
    if "v_reset" in node.arrays and (to := array_of(name, node, "v_reset")).any():
        raise node_error(name, f"its v_reset is {to[to != 0].flat[0]:g}; allowed is 0, to which every neuron is reset")
    if node.kind == "IF":
        return Dynamics(np.ones_like(r), r * timing.dt, np.zeros_like(r), level)
    tau, v_leak = (by_channel(name, node, what, shape) for what in ("tau", "v_leak"))
    if (tau <= 0).any() or (timing.rule == "euler" and (tau < timing.dt).any()):
        least = "above 0" if timing.rule == "exponential" else f"at least --dt, {timing.dt:g}"
        raise node_error(name, f"its tau is {tau.min():g}; allowed is {least}, so that the leak is from 0 to 1")
    share = timing.dt / tau if timing.rule == "euler" else -np.expm1(-timing.dt / tau)
    return Dynamics(1.0 - share, r * share, v_leak * share, level)
