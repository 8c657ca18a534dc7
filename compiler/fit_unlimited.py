"""Fit without limits: which shape of the engine a network is simulated on."""

from __future__ import annotations

from spikewright.compiler.fit import TOLERANCE, Candidate, Choice, ShapeRequest, rough_cycles
from spikewright.compiler.front.ir import Graph
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.measure import measure
from spikewright.compiler.target.device import Unlimited
from spikewright.compiler.target.structure import Shape
from spikewright.compiler.waits import with_waits
from spikewright.compiler.workload import workload_of

#: Token slots, banks and streams of the shape whose cycles the others are measured by.
YARDSTICK = (32, 8, 2)


def choose_unlimited(graph: Graph, device: Unlimited, request: ShapeRequest | None = None) -> Choice:
    """The smallest shape within a tenth of the cycles of a large one; FitError for what cannot be asked.

    The large one is the yardstick, or the fastest of those that leave what is asked as it is.
    """
    request = request or ShapeRequest()
    request.check()
    work = workload_of(graph)
    tokens, banks, streams = YARDSTICK
    yardstick = Shape(tokens=tokens, steps=request.steps, banks=banks, streams=streams, skip=request.skip)
    shapes = request.shapes(graph)
    if (request.lanes, request.banks, request.streams) == (None, None, None):
        shapes = list(dict.fromkeys([*shapes, yardstick]))
    candidates = [Candidate(shape, rough_cycles(graph, work, shape)) for shape in shapes]
    candidates.sort(key=lambda candidate: (candidate.estimate, candidate.shape.slot_lanes))
    measured_by = yardstick if yardstick in shapes else candidates[0].shape
    most = next(c.estimate for c in candidates if c.shape == measured_by) * (1 + TOLERANCE)
    near = [candidate for candidate in candidates if candidate.estimate <= most]
    chosen = min(near, key=lambda candidate: (candidate.shape.slot_lanes, candidate.estimate))
    for candidate in candidates:
        candidate.verdict = "slower" if candidate.estimate > most else "larger"
    lowered = lower(graph, chosen.shape)
    chosen.cycles = sum(draft.cycles for draft in with_waits(lowered, measure(lowered)).descriptors)
    chosen.verdict = "chosen"
    how = (
        "the shape that was asked for"
        if request.whole
        else f"the smallest of {len(candidates)} shapes within a tenth of the cycles of {measured_by}"
    )
    reason = (
        f"{chosen.shape}: {how}, for {device.name}, which has no limits, {chosen.cycles} cycles an image without "
        "skipping; no FPGA is said to hold it"
    )
    return Choice(chosen.shape, lowered, None, reason, tuple(candidates))
