"""One part on RTL: many networks on one structure, so that one simulator runs them all."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.compiler.compile import compile_package, planned_graph
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.program import Program, assemble
from spikewright.compiler.target.descriptors import cover
from spikewright.compiler.target.structure import FLAGS, Shape, Structure
from spikewright.errors import PlainError
from spikewright.models.package import Compare, Reset
from spikewright.sim.accelerator.compare import Comparison, compare
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import RunOptions, build_simulator
from spikewright.sim.campaign.ladder import Files, case_files, count_climb, failure
from spikewright.sim.campaign.plan import Part
from spikewright.sim.campaign.shrink import Case, shrink
from spikewright.sim.campaign.tally import Tally, silent
from spikewright.sim.campaign.trial import Judgement, Verdict, error_kind, error_text
from spikewright.sim.program.check import run_program
from spikewright.sim.program.run import Answer
from spikewright.sim.stimulus.graph_profile import WHOLE, Liberty, Profile
from spikewright.sim.stimulus.random_graphs import random_graph
from spikewright.sim.stimulus.random_shapes import spread_shape
from spikewright.sim.verilator.run import BenchError, Built

Array = np.ndarray

#: Graphs drawn for each network of a structure: those that are refused, silent, or need a finer grid are passed over.
DRAWS = 8
#: Cases tried while a failing network is shrunk; each is a run of the simulator.
TRIALS = 60
#: Longest simulation of a network, in cycles: about half a minute.
MOST_CYCLES = 2_000_000
#: Membrane grids of structures in turn: a structure has one for all its networks.
GRIDS = (6, 4, 8, 10)


@dataclass(frozen=True, eq=False)
class Member:
    """A network of a structure: its number, the graph, its program."""

    number: str
    case: Case
    program: Program


def rtl_part(part: Part, *, optimise: str = "-O1") -> tuple[Tally, Files]:
    """The counts, with the line of this structure, and the files of what failed."""
    tally, files = Tally(), Files()
    shape = spread_shape(np.random.default_rng([part.first, part.seed, 2]), part.first)
    members = _members(part, shape, tally, files)
    row: dict[str, Any] = {"structure": part.first, **vars(shape), "networks": len(members)}
    tally.structures.append(row)
    if not members:
        return tally, files
    structure = cover(member.program.structure for member in members)
    row |= {flag: int(getattr(structure, flag)) for flag in FLAGS}
    built = build_simulator(structure, optimise=optimise)
    counts: Counter[str] = Counter(values=0, exact=0, predicted=0, pairs=0)
    for index, member in enumerate(members):
        stall = 90 if index % 2 else 0
        judgement, seen = run_member(member.case, structure, built, stall)
        counts += seen
        if judgement is not None:
            tally.verdicts.update({Verdict.ACCEPTED.value: -1, judgement.verdict.value: 1})
            fails = partial(_fails_as, judgement, structure, built, stall)
            small = shrink(replace(member.case, target=structure), fails, TRIALS)
            files |= case_files(member.number, member.case, small)
            tally.failures.append(failure(member.number, part, judgement, small))
    row |= {name: counts[name] for name in ("values", "exact", "predicted", "pairs")}
    return tally, files


def _members(part: Part, shape: Shape, tally: Tally, files: Files) -> list[Member]:
    """Lively networks that the shape takes at one membrane grid; all of them are counted on the ladder."""
    profile = narrowed(WHOLE, part.first)
    members, kinds = list[Member](), set[str]()
    for index in range(part.count * DRAWS):
        if len(members) == part.count:
            break
        graph = random_graph([part.seed, part.first, index], profile)
        number, case = f"{part.seed}-{part.first}-{index}", Case(graph.package, graph.images, shape)
        climbed = count_climb(part, number, case, tally, files, kinds)
        if climbed.trace is None or climbed.verdict is not Verdict.ACCEPTED or silent(case.package, climbed.trace):
            continue
        try:
            program = assemble(lower(planned_graph(case.package), shape, profile.most_fraction_bits))
        except PlainError:
            tally.verdicts["not on the structure's grid"] += 1
            continue
        if program.trace_map.predicted * len(case.images) > MOST_CYCLES:
            tally.verdicts["too long on RTL"] += 1
            continue
        needs = [program.structure, *(member.program.structure for member in members)]
        if any(map(cover(needs).shortfalls, needs)):
            tally.verdicts["not on the structure's grid"] += 1
            continue
        members.append(Member(number, case, program))
    return members


def narrowed(profile: Profile, number: int) -> Profile:
    """Of four structures one has no soft reset, one no strict compare, one neither; each is denied half the liberties.

    So that each feature's hardware is there in some and not in others.
    """
    rng = np.random.default_rng([number, 3])
    liberties = tuple(liberty for liberty in Liberty if rng.integers(2))
    narrowed = replace(profile, liberties=liberties, most_fraction_bits=GRIDS[number % len(GRIDS)])
    if number % 4 in (1, 3):
        narrowed = replace(narrowed, resets=(Reset.HARD,))
    if number % 4 in (2, 3):
        narrowed = replace(narrowed, compares=(Compare.GE,))
    return narrowed


def run_member(case: Case, structure: Structure, built: Built, stall: int) -> tuple[Judgement | None, Counter[str]]:
    """Run a network on a simulator of its structure: what went wrong, if anything, and what was seen.

    seen: values compared, whether all are equal (exact), cycles as predicted (predicted, skipping off), pairs issued
    and skipped as there are (pairs).
    """
    try:
        program = compile_package(case.package, structure)
        with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
            network = SimulatedNetwork.of_program(program, case.package, Path(folder))
            comparison = compare(network, built, case.images, RunOptions(stall=stall, seed=1, timeout=300.0))
        answer = run_program(program, case.images).answer
    except BenchError as error:
        return Judgement(Verdict.MISMATCH, "rtl gives no answer", str(error)), Counter()
    except PlainError as error:
        return Judgement(Verdict.TRACEBACK, "rtl", str(error)), Counter()
    except Exception as error:
        return Judgement(Verdict.TRACEBACK, error_kind(error), error_text(error)), Counter()
    return _judged(program, comparison, answer)


def _judged(program: Program, comparison: Comparison, answer: Answer) -> tuple[Judgement | None, Counter[str]]:
    seen = Counter(values=comparison.values, exact=int(comparison.bit_exact))
    if not comparison.bit_exact:
        return Judgement(Verdict.MISMATCH, "rtl", str(comparison.first)), seen
    cycles, issued, skipped = comparison.counters.T.tolist()
    predicted = (np.array(program.predicted_cycles) * comparison.images).tolist()
    there = (np.array([draft.pairs for draft in program.descriptors[:-1]]) * comparison.images).tolist()
    if program.structure.shape.skip:
        pairs = [one + other for one, other in zip(issued, skipped, strict=True)]
        if pairs != there:
            return Judgement(Verdict.MISMATCH, "pairs", f"{pairs} pairs issued and skipped of {there}"), seen
        spiking = answer.issued.sum(axis=0).tolist()
        if issued != spiking:
            return Judgement(Verdict.MISMATCH, "pairs", f"{issued} pairs issued, {spiking} hold spikes"), seen
        return None, seen + Counter(pairs=1)
    if cycles != predicted or any(skipped):
        return Judgement(Verdict.MISMATCH, "cycles", f"{cycles} cycles, predicted {predicted}; skipped {skipped}"), seen
    return None, seen + Counter(predicted=1)


def _fails_as(like: Judgement, structure: Structure, built: Built, stall: int, case: Case) -> bool:
    judgement, _ = run_member(case, structure, built, stall)
    return judgement is not None and (judgement.verdict, judgement.kind) == (like.verdict, like.kind)
