"""A few hundred of the hostile packages of the benchmark: no traceback, no hang, one short sentence."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.trust.hostile_worker import judge, verdict
from spikewright.models.package import PackageError
from spikewright.sim.stimulus.hostile import hostile_file
from spikewright.sim.stimulus.hostile.network_faults import FAULTS
from spikewright.sim.stimulus.hostile.tensor_faults import FILES, TENSORS

SEEDS = range(100_000, 100_330)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Every file, and what the reader and ``info`` made of it."""
    folder = tmp_path_factory.mktemp("hostile")
    files = {seed: hostile_file(seed) for seed in SEEDS}
    return {seed: (file, judge(file, "read", folder, seed)["calls"]) for seed, file in files.items()}


def test_reader_and_info(judged):
    ends = Counter()
    for seed, (_, calls) in judged.items():
        for name, call in calls.items():
            assert call["end"] in ("done", "refused"), (seed, name, call)
            assert call["seconds"] < 5
            ends[name, call["end"]] += 1
    assert min(ends.values()) >= 0.15 * len(SEEDS), ends


def test_every_kind_of_damage_is_met(judged):
    files = [file for file, _ in judged.values()]
    assert {kind for file in files for kind in file.kinds} == {*FAULTS, *TENSORS, *FILES}
    assert sum(file.inside for file in files) >= 0.4 * len(files)
    assert {op for file in files for op in file.ops} == {"conv", "pool", "add", "linear", "attention", "select", "head"}


def test_what_is_read_is_compiled_or_refused(judged, tmp_path):
    read = [(seed, file) for seed, (file, calls) in judged.items() if calls["reader"]["end"] == "done" and file.kinds]
    assert len(read) > 20
    for seed, file in read:
        call = judge(file, "compile", tmp_path, seed)["calls"]["choose"]
        assert call["end"] in ("done", "refused"), (seed, call)


def test_files_are_drawn_by_their_seed_alone():
    assert hostile_file(7) == hostile_file(7)
    assert hostile_file(7) != hostile_file(8)


def broken():
    raise IndexError("out of bounds")


def refuses():
    raise PackageError("no")


def hangs():
    while True:
        pass


def takes_memory():
    raise MemoryError


@pytest.mark.parametrize(
    ("call", "end"),
    [
        (broken, "traceback"),
        (refuses, "refused"),
        (hangs, "hang"),
        (takes_memory, "traceback"),
        (np.zeros, "traceback"),
    ],
)
def test_what_a_verdict_is(call, end):
    assert verdict(0.2, call)["end"] == end
