"""Networks on RTL as a campaign runs them: values, cycles and pairs; and what a wrong one is told as."""

from collections import Counter

import numpy as np
import pytest
from networks import images_of, package_of, programs_of, simulator_of

from spikewright.compiler.compile import compile_package
from spikewright.models.package import Package
from spikewright.sim.campaign import rtl
from spikewright.sim.campaign.plan import Part
from spikewright.sim.campaign.rtl import rtl_part, run_member
from spikewright.sim.campaign.shrink import Case
from spikewright.sim.stimulus.graph_profile import WHOLE, Liberty


def member(group, index):
    structure = programs_of(group)[index].structure
    return Case(package_of(group, index), images_of(group, index, 2), structure), structure


@pytest.mark.parametrize(("group", "index", "counted"), [("four-banks", 0, "pairs"), ("two-streams", 1, "predicted")])
def test_a_network_is_exact(group, index, counted):
    case, structure = member(group, index)
    outcome, seen = run_member(case, structure, simulator_of(group), stall=90)
    assert outcome is None
    assert seen == Counter({"values": seen["values"], "exact": 1, counted: 1})
    assert seen["values"] > 1000


def test_a_wrong_network_is_told(monkeypatch):
    """A program with another bias at the head: the class scores differ, and nothing before them."""
    case, structure = member("four-banks", 0)
    tensors = {n: t + (n == "head.bias") for n, t in case.package.tensors.items()}
    tensors["head.bias"] = tensors["head.bias"].astype(np.int32)
    wrong = Package(case.package.network, {n: t.astype(case.package.tensors[n].dtype) for n, t in tensors.items()})
    monkeypatch.setattr(rtl, "compile_package", lambda _package, target: compile_package(wrong, target))
    outcome, seen = run_member(case, structure, simulator_of("four-banks"), stall=0)
    assert outcome is not None
    assert (outcome.verdict, outcome.kind) == ("mismatch", "rtl")
    assert "layer head, step 0, token 0, channel 0" in outcome.detail
    assert seen["exact"] == 0


@pytest.mark.parametrize(
    ("what", "more"), [("cycles", (1, 0, 0)), ("pairs", (0, 1, 0)), ("pairs", (0, 1, -1))], ids=str
)
def test_wrong_counters_are_told(what, more, monkeypatch):
    """In the last case all pairs are issued or skipped, but one that is silent was issued."""
    group = {"cycles": "two-streams", "pairs": "four-banks"}[what]
    case, structure = member(group, 1)
    real = rtl.compare

    def wrong(*arguments):
        comparison = real(*arguments)
        comparison.counters[3] += more
        return comparison

    monkeypatch.setattr(rtl, "compare", wrong)
    outcome, seen = run_member(case, structure, simulator_of(group), stall=0)
    assert outcome is not None
    assert (outcome.verdict, outcome.kind) == ("mismatch", what)
    assert seen["exact"] == 1


@pytest.mark.parametrize("number", [0, 1, 3])
def test_random_graphs_are_exact(number):
    """Four graphs that are no Spikformer on each of three structures: skipping off and on, one and two streams."""
    tally, _ = rtl_part(Part(1, "rtl", number, 4), optimise="-O0")
    (structure,) = tally.structures
    assert not tally.failures
    assert (structure["networks"], structure["exact"]) == (4, 4)
    assert structure["pairs" if structure["skip"] else "predicted"] == 4


def test_structures_differ_in_their_neurons():
    profiles = [rtl.narrowed(WHOLE, number) for number in range(8)]
    assert len({(profile.resets, profile.compares) for profile in profiles}) == 4
    for liberty in Liberty:
        assert {liberty in profile.liberties for profile in profiles} == {True, False}


def test_a_part_without_networks(monkeypatch):
    monkeypatch.setattr(rtl, "DRAWS", 0)
    tally, files = rtl_part(Part(1, "rtl", 0, 2))
    assert tally.structures[0]["networks"] == 0
    assert not files
