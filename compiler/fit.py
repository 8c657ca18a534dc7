"""Fit: which shape of the engine a board is given.

Candidates are ranked by a quick estimate of their cycles; the first that fits the board, judged by the structure that
lowering really needs, is taken. Block RAM is counted memory by memory; LUT come from the family's linear model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikewright.compiler.front.ir import Graph
from spikewright.compiler.least import MOST_BANKS, least_bits, least_structure
from spikewright.compiler.lower.lowered import Lowered
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.measure import measure
from spikewright.compiler.target.device import Device, LutModel
from spikewright.compiler.target.memories import block_ram
from spikewright.compiler.target.structure import Shape, Structure
from spikewright.compiler.waits import with_waits
from spikewright.compiler.workload import first_lists, workload_of
from spikewright.cost.latency import descriptor_cycles
from spikewright.cost.workload import Workload
from spikewright.errors import PlainError

#: Candidates: token slots, banks, streams. More banks than eight starve on unstructured masks, and words wider than
#: 32 token slots slow the clock (docs/architecture.md).
TOKENS, BANKS, STREAMS = (32, 16, 8, 4, 2), (8, 4, 2, 1), (2, 1)
STEPS = 4
#: Token slots that a network can use, if it has a grid of as many.
FEW = 16

#: A smaller engine is preferred if it is at most so much slower than the fastest that fits.
TOLERANCE = 0.10

#: Result words of a descriptor: cycles, issued pairs, skipped pairs.
COUNTERS = 3

#: What helps where a board is too small.
SMALLER = "prune the network, give it fewer bits or channels, or take a larger board"


class FitError(PlainError):
    """No shape of the engine fits the board, or what is asked of it; the text is one sentence."""


class TooLargeError(FitError):
    """The network is larger than the board."""


@dataclass(frozen=True)
class ShapeRequest:
    """What a user asks of the engine's shape; None is left to the compiler.

    steps: timesteps of a step group.
    """

    lanes: int | None = None
    banks: int | None = None
    streams: int | None = None
    steps: int = STEPS
    skip: bool = True

    @property
    def whole(self) -> bool:
        """Whether nothing is left to the compiler."""
        return None not in (self.lanes, self.banks, self.streams)

    def check(self) -> None:
        """``FitError`` where a value is not allowed."""
        lanes, banks, streams, steps = self.lanes, self.banks, self.streams, self.steps
        if lanes is not None and (lanes % steps or not 2 <= lanes // steps <= 256):
            raise FitError(f"lanes must be a multiple of {steps} from {2 * steps} to {256 * steps}, not {lanes}")
        if banks is not None and not 1 <= banks <= MOST_BANKS:
            raise FitError(f"banks must be from 1 to {MOST_BANKS}, not {banks}")
        if streams is not None and streams not in (1, 2):
            raise FitError(f"streams must be 1 or 2, not {streams}")
        if banks is not None and streams is not None and streams > banks:
            raise FitError(f"{streams} streams need at least {streams} banks, not {banks}")

    def shapes(self, graph: Graph) -> list[Shape]:
        """The shapes that are tried for a network."""
        areas = sorted({value.tokens for value in graph.values.values() if value.grid is not None})
        # smaller grids than that may lie on others' cells
        slots = max(areas[0], next((area for area in areas if area >= FEW), areas[-1]))
        widest = 1 << max(1, (slots - 1).bit_length())
        tokens = [self.lanes // self.steps] if self.lanes is not None else [t for t in TOKENS if t <= widest]
        return [
            Shape(tokens=t, steps=self.steps, banks=b, streams=s, skip=self.skip)
            for t in tokens
            for b in ([self.banks] if self.banks is not None else BANKS)
            for s in ([self.streams] if self.streams is not None else STREAMS)
            if s <= b
        ]


@dataclass(frozen=True)
class Needs:
    """What a structure takes of a board."""

    lut: int
    blocks: int

    def excess(self, device: Device) -> float:
        """The scarcest resource: needed / there; fits at 1 or less."""
        return max(self.lut / device.usable_lut, self.blocks / max(1, device.block_rams))


@dataclass
class Candidate:
    """A shape that is considered: estimated cycles; what it needs and takes; what became of it.

    needs: at least, where ``cycles`` are not known, because the network was not lowered to it.
    """

    shape: Shape
    estimate: int
    needs: Needs | None = None
    cycles: int | None = None
    verdict: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        shape = self.shape
        row = {"lanes": shape.lanes, "banks": shape.banks, "streams": shape.streams, "estimate": self.estimate}
        if self.needs is not None:
            row |= {"lut": self.needs.lut, "block_ram": self.needs.blocks}
        return row | ({} if self.cycles is None else {"cycles": self.cycles}) | {"verdict": self.verdict}


@dataclass(frozen=True, eq=False)
class Choice:
    """The shape that was chosen, the network lowered to it, and why.

    needs: of a board; None where there is none. candidates: every shape that was considered, fastest first by the
    estimate.
    """

    shape: Shape
    lowered: Lowered
    needs: Needs | None
    reason: str
    candidates: tuple[Candidate, ...]


def estimate_lut(structure: Structure, model: LutModel) -> int:
    """LUT of the accelerator behind its serial link."""
    return round(sum(lut_by_unit(structure, model).values()))


def lut_by_unit(structure: Structure, model: LutModel) -> dict[str, float]:
    """The same by unit; of features only those that the structure has."""
    s, shape = structure, structure.shape
    membranes = shape.tokens * shape.streams * s.membrane_bits
    units = {
        "control, loader, link": model.base,
        "fetch and issue": model.walker * shape.walkers,
        "adders": model.adder_bit * shape.slot_lanes * s.accumulator_bits,
        "LIF array": model.neuron_bit * membranes,
        "drain": model.lane_bit * shape.lanes * shape.streams * s.accumulator_bits,
        "mover and write-back": model.move_lane * shape.lanes * shape.banks,
        "leak product": s.leaks * model.leak_bit * membranes,
        "second value": s.second * model.second_walker * shape.walkers,
        "counting pools": s.counting * model.count_lane * shape.lanes * shape.banks,
        "stream limit": s.limited * model.limit_lane * shape.lanes * shape.streams,
        "frames": s.frames * model.frames,
    }
    return {unit: lut for unit, lut in units.items() if lut}


def needs_of(structure: Structure, device: Device) -> Needs:
    """What a structure takes of a device, its serial link included."""
    return Needs(estimate_lut(structure, device.model), sum(block_ram(structure, device.ram).values()))


def choose(graph: Graph, device: Device, request: ShapeRequest | None = None) -> Choice:
    """The fastest shape that fits the board, or a much smaller one that is hardly slower; ``FitError`` if none fits.

    A shape so large that it may miss the board's clock is taken only if no other fits, or where the user fixed the
    streams.
    """
    request = request or ShapeRequest()
    request.check()
    _refuse_early(graph, device, request.steps)
    shapes = request.shapes(graph)
    work = workload_of(graph)
    candidates = [Candidate(shape, rough_cycles(graph, work, shape)) for shape in shapes]
    candidates.sort(key=lambda candidate: (candidate.estimate, candidate.shape.slot_lanes))
    best = _search(graph, device, request, candidates)
    if best is None:
        raise TooLargeError(_too_large(device, _nearest(graph, device, candidates)))
    candidate, lowered = best
    _refuse_answer(lowered, device)
    candidate.verdict = "chosen"
    known = measure(lowered)
    for other in candidates:
        if other.needs is None:
            other.needs = needs_of(least_structure(graph, other.shape, known), device)
    assert candidate.needs is not None
    tried = f"the best of {len(candidates)} shapes" if len(candidates) > 1 else "the only shape"
    how = "the shape that was asked for," if request.whole else f"{tried} for {device.name},"
    reason = (
        f"{candidate.shape}: {how} {candidate.cycles} cycles an image without skipping, "
        f"about {candidate.needs.lut} of {device.lut} LUT, {candidate.needs.blocks} of {device.block_rams} block RAMs"
    )
    return Choice(candidate.shape, lowered, candidate.needs, reason, tuple(candidates))


def _search(
    graph: Graph, device: Device, request: ShapeRequest, candidates: list[Candidate]
) -> tuple[Candidate, Lowered] | None:
    """The candidate to take and its network, if one fits; None leaves the needs of every candidate."""
    best: tuple[Candidate, Lowered] | None = None
    slow: tuple[Candidate, Lowered] | None = None
    fastest: int | None = None
    known: Structure | None = None
    for candidate in candidates:
        shape = candidate.shape
        if best is not None and fastest is not None:
            slower = candidate.estimate > fastest * (1 + TOLERANCE)
            if slower or shape.slot_lanes > 0.75 * best[0].shape.slot_lanes:
                candidate.verdict = "slower" if slower else "not smaller by enough"
                continue
        if known is not None:
            least = needs_of(least_structure(graph, shape, known), device)
            if least.excess(device) > 1:
                candidate.needs, candidate.verdict = least, "too large (at least)"
                continue
        lowered, known = _lower(graph, device, candidate)
        assert candidate.needs is not None
        if candidate.needs.excess(device) > 1:
            candidate.verdict = "too large"
        elif candidate.needs.lut > device.model.at_speed and request.streams is None:
            candidate.verdict = "may miss the clock"
            slow = slow or (candidate, lowered)
        else:
            candidate.verdict = "fits"
            fastest = candidate.estimate if fastest is None else fastest
            best = (candidate, lowered)
    return best or slow


def _lower(graph: Graph, device: Device, candidate: Candidate) -> tuple[Lowered, Structure]:
    """The network in a candidate's shape, which then has its needs and cycles."""
    lowered = lower(graph, candidate.shape)
    structure = measure(lowered)
    candidate.needs = needs_of(structure, device)
    candidate.cycles = sum(draft.cycles for draft in with_waits(lowered, structure).descriptors)
    return lowered, structure


def _nearest(graph: Graph, device: Device, candidates: list[Candidate]) -> Candidate:
    """Of candidates none of which fits, the one that is the least beyond the device: by what it needs, not at least."""

    def excess(candidate: Candidate) -> float:
        assert candidate.needs is not None
        return candidate.needs.excess(device)

    while (nearest := min(candidates, key=excess)).cycles is None:
        _lower(graph, device, nearest)
        nearest.verdict = "too large"
    return nearest


def _too_large(device: Device, nearest: Candidate) -> str:
    needs = nearest.needs
    assert needs is not None
    lines = []
    if needs.blocks > device.block_rams:
        lines.append(f"{needs.blocks} block RAMs of {device.ram.words} where there are {device.block_rams}")
    if needs.lut > device.usable_lut:
        lines.append(f"about {needs.lut} LUT where {round(device.usable_lut)} of {device.lut} can be used")
    needed = " and ".join(lines)
    return f"the network is too large for {device.name}: the nearest shape, {nearest.shape}, needs {needed}; {SMALLER}"


def _refuse_early(graph: Graph, device: Device, steps: int) -> None:
    """Before any lowering: the weights alone, or the values of an op. steps: of a word."""
    needs = least_bits(graph, steps)
    largest = max(needs, key=lambda what: needs[what])
    blocks = -(-needs[largest] // device.ram.bits)
    if blocks > device.block_rams:
        verb = "need" if largest == "its weights" else "needs"
        raise TooLargeError(
            f"the network is too large for {device.name}: {largest} alone {verb} {blocks} block RAMs of "
            f"{device.ram.words} where there are {device.block_rams}; {SMALLER}"
        )


def _refuse_answer(lowered: Lowered, device: Device) -> None:
    """Where an answer does not fit the serial link's frame."""
    head = lowered.graph.ops[-1]
    classes, score_words = lowered.graph.values[head.name].channels, measure(lowered).score_words
    words = classes * score_words + COUNTERS * (len(lowered.descriptors) - 1)
    if words > device.answer_words:
        raise FitError(
            f"{head.name}: an answer of {words} words, {score_words} for each of {classes} classes and {COUNTERS} for "
            f"each of {len(lowered.descriptors) - 1} descriptors, does not fit the serial link of {device.name}, at "
            f"most {device.answer_words}; give the network fewer classes, or take --board simulation"
        )


def rough_cycles(graph: Graph, work: Workload, shape: Shape) -> int:
    """Cycles of an image without lowering, on a first placement: only to rank shapes."""
    return sum(cycles for _, cycles in descriptor_cycles(work, shape, first_lists(graph, shape, work)))
