"""Fit: which shape of the engine a board is given.

Candidates are ranked by a quick estimate of their cycles; the first that fits the board, judged by the structure that
lowering really needs, is taken. Block RAM is counted memory by memory; LUT come from a linear model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikewright.cost.latency import descriptor_cycles
from spikewright.cost.workload import Workload

from .ir import Conv, Graph, Head, Linear, Select, Weights
from .lowered import Lowered
from .lowering import lower
from .measure import measure
from .memories import block_ram
from .structure import Shape, Structure
from .workload import first_lists, workload_of

#: Candidates: token slots, banks, streams. More banks than eight starve on unstructured masks, and words wider than
#: 32 token slots slow the clock (docs/architecture.md).
TOKENS, BANKS, STREAMS = (32, 16, 8, 4, 2), (8, 4, 2, 1), (2, 1)
STEPS = 4

#: A smaller engine is preferred if it is at most so much slower than the fastest that fits.
TOLERANCE = 0.10

#: LUT model, four-input LUT of an ECP5: one term an idea. The sum is held to one placed design: 24 857 LUT for the
#: clutter-digits network at 64 lanes, 4 banks, 1 stream (yosys and nextpnr for ulx3s-85f).
LUT_BASE = 4000.0  # control, loader, mover and selector state machines, serial link
LUT_WALKER = 750.0  # fetch, silence filter and issue of one (stream, bank)
LUT_ADDER_BIT = 1.9  # one bit of one gated adder input
LUT_NEURON_BIT = 10.0  # one membrane bit of one token slot and stream
LUT_LANE_BIT = 2.0  # one accumulator bit of one lane and stream: drain and shift registers
LUT_MOVE_LANE = 15.0  # one lane of one bank: rotation, masks, write-back

#: Part of the LUT that a design may take and still be routed, and block RAMs of the serial link.
LUT_SHARE = 0.7
LINK_BLOCKS = 1

#: Designs up to so many LUT have reached the boards' clock with room to spare (benchmarks/run.py synthesis: 96 MHz at
#: 24 812); wider ones have missed it as often as not (76 MHz at 39 010), so nobody is given one who did not ask.
LUT_AT_SPEED = 27_000

#: A first look at a shape is trusted to skip it only where it is over the limit by this factor.
ROUGH = 1.3


class FitError(ValueError):
    """No shape of the engine fits the board; the text is one sentence with the numbers."""


@dataclass(frozen=True)
class BoardLimits:
    """What a board has. blocks: block RAMs of 18 432 bits."""

    name: str
    lut: int
    blocks: int


@dataclass(frozen=True)
class Needs:
    """What a structure takes of a board."""

    lut: int
    blocks: int

    def excess(self, limits: BoardLimits) -> float:
        """The scarcest resource: needed / there; fits at 1 or less."""
        return max(self.lut / (limits.lut * LUT_SHARE), self.blocks / max(1, limits.blocks))


@dataclass(frozen=True)
class Choice:
    """The shape that was chosen, the network lowered to it, and why.

    candidates: every shape that was considered, fastest first: shape, estimated cycles, needs, and what became of it.
    """

    shape: Shape
    lowered: Lowered
    needs: Needs
    reason: str
    candidates: tuple[Mapping[str, Any], ...]


def estimate_lut(structure: Structure) -> int:
    """LUT of the accelerator behind its serial link."""
    s, shape = structure, structure.shape
    walkers = shape.streams * shape.banks
    return round(
        LUT_BASE
        + LUT_WALKER * walkers
        + LUT_ADDER_BIT * shape.slot_lanes * s.accumulator_bits
        + LUT_NEURON_BIT * shape.tokens * shape.streams * s.membrane_bits
        + LUT_LANE_BIT * shape.lanes * shape.streams * s.accumulator_bits
        + LUT_MOVE_LANE * shape.lanes * shape.banks
    )


def needs_of(structure: Structure) -> Needs:
    """What a structure takes, its serial link included."""
    return Needs(estimate_lut(structure), sum(block_ram(structure).values()) + LINK_BLOCKS)


def choose(
    graph: Graph,
    limits: BoardLimits,
    *,
    lanes: int | None = None,
    banks: int | None = None,
    streams: int | None = None,
    steps: int = STEPS,
    skip: bool = True,
) -> Choice:
    """The fastest shape that fits the board, or a much smaller one that is hardly slower; ``FitError`` if none fits.

    A shape so large that it may miss the board's clock is taken only if no other fits, or where the user fixed the
    streams. lanes, banks, streams: fixed by the user.
    """
    shapes = _shapes(graph, lanes, banks, streams, steps, skip)
    work = workload_of(graph)
    ranked = sorted(
        ((rough_cycles(graph, work, shape), shape) for shape in shapes), key=lambda item: (item[0], _size(item[1]))
    )
    _refuse_early(graph, limits)
    fixed = all(value is not None for value in (lanes, banks, streams))
    rows: list[dict[str, Any]] = []
    best: tuple[int, Shape, Lowered, Needs] | None = None
    least: tuple[Needs, Shape] | None = None
    known: Structure | None = None
    slow: tuple[int, Shape, Lowered, Needs] | None = None
    for cycles, shape in ranked:
        row: dict[str, Any] = {"lanes": shape.lanes, "banks": shape.banks, "streams": shape.streams, "estimate": cycles}
        rows.append(row)
        if best is not None and (cycles > best[0] * (1 + TOLERANCE) or _size(shape) > 0.75 * _size(best[1])):
            row["verdict"] = "not smaller by enough" if cycles <= best[0] * (1 + TOLERANCE) else "slower"
            continue
        if known is not None:
            rough = needs_of(_rescaled(known, shape))
            if rough.excess(limits) > ROUGH:
                row |= {"lut": rough.lut, "block_ram": rough.blocks, "verdict": "too large (estimated)"}
                least = _less(least, rough, shape, limits)
                continue
        lowered = lower(graph, shape)
        known = measure(lowered)
        needs = needs_of(known)
        row |= {"lut": needs.lut, "block_ram": needs.blocks, "cycles": sum(step.cycles for step in lowered.steps)}
        least = _less(least, needs, shape, limits)
        if needs.excess(limits) > 1:
            row["verdict"] = "too large"
            continue
        if needs.lut > LUT_AT_SPEED and streams is None:
            row["verdict"] = "may miss the clock"
            slow = slow or (cycles, shape, lowered, needs)
            continue
        row["verdict"] = "fits"
        best = (best[0] if best else cycles, shape, lowered, needs)
    best = best or slow
    if best is None:
        assert least is not None
        raise FitError(_too_large(limits, *least))
    _, shape, lowered, needs = best
    for row in rows:
        if (row["lanes"], row["banks"], row["streams"]) == (shape.lanes, shape.banks, shape.streams):
            row["verdict"] = "chosen"
    how = "as asked for" if fixed else f"the best of {len(rows)} shapes"
    reason = (
        f"{shape}: {how} for {limits.name}, "
        f"{sum(step.cycles for step in lowered.steps)} cycles an image without skipping, "
        f"about {needs.lut} of {limits.lut} LUT, {needs.blocks} of {limits.blocks} block RAMs"
    )
    return Choice(shape, lowered, needs, reason, tuple(rows))


def _shapes(
    graph: Graph, lanes: int | None, banks: int | None, streams: int | None, steps: int, skip: bool
) -> list[Shape]:
    if lanes is not None and (lanes % steps or not 2 <= lanes // steps <= 256):
        raise FitError(f"lanes must be a multiple of {steps} from {2 * steps} to {256 * steps}, not {lanes}")
    if banks is not None and not 1 <= banks <= 16:
        raise FitError(f"banks must be from 1 to 16, not {banks}")
    if streams is not None and streams not in (1, 2):
        raise FitError(f"streams must be 1 or 2, not {streams}")
    if banks is not None and streams is not None and streams > banks:
        raise FitError(f"{streams} streams need at least {streams} banks, not {banks}")
    slots = min(value.tokens for value in graph.values.values() if value.grid is not None)
    widest = 1 << max(1, (slots - 1).bit_length())
    tokens = [lanes // steps] if lanes is not None else [t for t in TOKENS if t <= widest]
    return [
        Shape(tokens=t, steps=steps, banks=b, streams=s, skip=skip)
        for t in tokens
        for b in ([banks] if banks is not None else BANKS)
        for s in ([streams] if streams is not None else STREAMS)
        if s <= b
    ]


def _size(shape: Shape) -> int:
    return shape.slot_lanes


def _less(least: tuple[Needs, Shape] | None, needs: Needs, shape: Shape, limits: BoardLimits) -> tuple[Needs, Shape]:
    return (needs, shape) if least is None or needs.excess(limits) < least[0].excess(limits) else least


def _too_large(limits: BoardLimits, needs: Needs, shape: Shape) -> str:
    lines = []
    if needs.blocks > limits.blocks:
        lines.append(f"{needs.blocks} block RAMs of 18 kbit where there are {limits.blocks}")
    if needs.lut > limits.lut * LUT_SHARE:
        lines.append(f"about {needs.lut} LUT where {round(limits.lut * LUT_SHARE)} of {limits.lut} can be used")
    return f"the network is too large for {limits.name}: the nearest shape, {shape}, needs {' and '.join(lines)}"


def _weights(graph: Graph) -> list[Weights]:
    """Every weight tensor."""
    found = []
    for op in graph.ops:
        if isinstance(op, (Conv, Linear, Head)):
            found.append(op.weights)
        elif isinstance(op, Select):
            found += [op.hidden, op.score]
    return found


def _refuse_early(graph: Graph, limits: BoardLimits) -> None:
    """Before any lowering: the weights alone, each with its code and an index of its channel."""
    bits = 0
    for weights in _weights(graph):
        index = max(1, (weights.codes[0].size - 1).bit_length() - 4)  # of one bank, at most sixteen banks
        bits += int(np.count_nonzero(weights.codes)) * (weights.bits + index)
    blocks = -(-bits // 18432)
    if blocks > limits.blocks:
        raise FitError(
            f"the network is too large for {limits.name}: its weights alone need {blocks} block RAMs of 18 kbit "
            f"where there are {limits.blocks}"
        )


def _rescaled(known: Structure, shape: Shape) -> Structure:
    """A guess at the structure of another shape: the same bits, spread over other banks and words."""
    old = known.shape
    spikes = known.bank_depth * old.banks * old.tokens / (shape.banks * shape.tokens)
    entries = known.rom_depth * old.banks * old.streams / (shape.banks * shape.streams)
    return replace(known, shape=shape, bank_depth=max(2, round(spikes)), rom_depth=max(2, round(entries)))


def rough_cycles(graph: Graph, work: Workload, shape: Shape) -> int:
    """Cycles of an image without lowering, on a first placement: only to rank shapes."""
    return sum(cycles for _, cycles in descriptor_cycles(work, shape, first_lists(graph, shape)))
