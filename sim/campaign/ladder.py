"""One part of the ladder: graphs drawn, run on every rung, counted; what fails is shrunk."""

from __future__ import annotations

import json
from functools import partial
from io import BytesIO

import numpy as np
from safetensors.numpy import save

from spikewright.models.package import Package, network_json
from spikewright.sim.campaign.plan import Part
from spikewright.sim.campaign.shrink import Case, shrink, size_of
from spikewright.sim.campaign.tally import Tally
from spikewright.sim.campaign.trial import Judgement, climb
from spikewright.sim.stimulus.random_graphs import random_graph
from spikewright.sim.stimulus.random_shapes import random_shape

Array = np.ndarray
Files = dict[str, bytes]

#: Cases tried while a failing graph is shrunk.
TRIALS = 400


def ladder_part(part: Part) -> tuple[Tally, Files]:
    """The counts, and the files of what failed."""
    tally, files, kinds = Tally(), Files(), set[str]()
    for number in range(part.first, part.first + part.count):
        count_climb(part, f"{part.seed}-{number}", graph_case(part.seed, number), tally, files, kinds)
    return tally, files


def count_climb(part: Part, number: str, case: Case, tally: Tally, files: Files, kinds: set[str]) -> Judgement:
    """Climb the ladder with a graph and count it; if it fails, shrink the first of its kind in this part.

    kinds: those that were shrunk.
    """
    judgement = climb(case.package, case.images, case.target)
    tally.add(judgement, case.package)
    if judgement.failed:
        told, small = judgement, case
        if (kind := f"{judgement.verdict}: {judgement.kind}") not in kinds:
            kinds.add(kind)
            small = shrink(case, partial(_fails_as, judgement), TRIALS)
            told = climb(small.package, small.images, small.target)
            files |= case_files(number, case, small)
        tally.failures.append(failure(number, part, told, small))
    return judgement


def graph_case(seed: int, number: int) -> Case:
    """Graph ``number`` of a campaign, and the shape that it is compiled for."""
    graph = random_graph([seed, number])
    return Case(graph.package, graph.images, random_shape(np.random.default_rng([number, seed, 1])))


def _fails_as(like: Judgement, smaller: Case) -> bool:
    judgement = climb(smaller.package, smaller.images, smaller.target)
    return (judgement.verdict, judgement.kind) == (like.verdict, like.kind)


def failure(number: str, part: Part, judgement: Judgement, case: Case) -> dict[str, str]:
    """What is told of a graph that failed."""
    return {
        "graph": number,
        "verdict": judgement.verdict.value,
        "kind": judgement.kind,
        "detail": judgement.detail,
        "size": size_of(case.package),
        "target": str(case.target),
    }


def case_files(number: str, drawn: Case, small: Case) -> Files:
    """Package and images of a graph as drawn and as shrunk, and the engine that the small one fails on."""
    files = {}
    for name, case in (("drawn", drawn), ("small", small)):
        images = BytesIO()
        np.save(images, case.images)
        files[f"{number}/{name}.safetensors"] = package_bytes(case.package)
        files[f"{number}/{name}.npy"] = images.getvalue()
    shape = small.target if not hasattr(small.target, "shape") else small.target.shape
    files[f"{number}/shape.json"] = (json.dumps(vars(shape), indent=1) + "\n").encode()
    return files


def package_bytes(package: Package) -> bytes:
    """A package as a file, even one that the writer would refuse."""
    tensors = {name: np.ascontiguousarray(package.tensors[name]) for name in sorted(package.tensors)}
    return save(tensors, metadata={"spikewright": network_json(package.network)})
