"""Random graphs on the ladder; and what becomes of one that fails."""

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from spikewright.errors import PlainError
from spikewright.models.package import read_package
from spikewright.sim.campaign import ladder, trial
from spikewright.sim.campaign.ladder import graph_case, ladder_part
from spikewright.sim.campaign.plan import Part
from spikewright.sim.campaign.rungs import IRRung, first_mismatch
from spikewright.sim.campaign.trial import Verdict, climb, refusal_kind
from spikewright.sim.golden import run
from spikewright.sim.mismatch import Mismatch


@pytest.mark.parametrize("tens", range(0, 170, 10))
def test_golden_is_ir_after_every_pass_is_program(tens):
    """Nothing is refused either."""
    for number in range(tens, tens + 10):
        case = graph_case(2, number)
        outcome = climb(case.package, case.images, case.target)
        assert outcome.verdict is Verdict.ACCEPTED, (
            f"graph {number}: {outcome.verdict} {outcome.kind}: {outcome.detail}"
        )


class WrongAdds:
    """A rung that computes every add behind a linear one too high in channel 0."""

    name = "wrong adds"

    def mismatch(self, climb):
        kinds = {op.name: op.kind for op in climb.package.network.ops}
        for op in climb.package.network.ops:
            if op.kind == "add" and kinds[op.inputs[1]] == "linear":
                return Mismatch(0, op.name, 0, 0, 0, 1, 2)
        return None


def first_wrong():
    return next(n for n in range(100) if WrongAdds().mismatch(graph_case(2, n)) is not None)


def test_a_failing_graph_is_shrunk(monkeypatch):
    number = first_wrong()
    monkeypatch.setattr(ladder, "climb", lambda package, images, _target: climb(package, images, None, front=[RUNG]))
    tally, files = ladder_part(Part(2, "graphs", number, 1))
    (failed,) = tally.failures
    assert (failed["graph"], failed["verdict"], failed["kind"]) == (f"2-{number}", "mismatch", "wrong adds")
    assert tally.verdicts == {"mismatch": 1}
    small = np.load(BytesIO(files[f"2-{number}/small.npy"]))
    assert len(small) == 1
    assert small.shape[1:] == (1, 1, 1)
    assert set(json.loads(files[f"2-{number}/shape.json"])) == {"tokens", "steps", "banks", "streams", "skip"}


RUNG = WrongAdds()


def test_the_small_package_fails_in_the_same_way(monkeypatch, tmp_path):
    number = first_wrong()
    monkeypatch.setattr(ladder, "climb", lambda package, images, _target: climb(package, images, None, front=[RUNG]))
    _, files = ladder_part(Part(2, "graphs", number, 1))
    (tmp_path / "small").write_bytes(files[f"2-{number}/small.safetensors"])
    (tmp_path / "drawn").write_bytes(files[f"2-{number}/drawn.safetensors"])
    small, drawn = read_package(tmp_path / "small"), read_package(tmp_path / "drawn")
    kinds = [op.kind for op in small.network.ops]
    assert sorted(kinds) == ["add", "conv", "head", "linear"]
    assert len(drawn.network.ops) > 4
    assert small.network.steps == 1
    assert all(t.size <= 9 or name == "input.table" for name, t in small.tensors.items())


def test_an_error_that_is_no_sentence_is_a_traceback():
    class Broken:
        name = "broken"

        def mismatch(self, climb):
            return {}["conv7"]

    case = graph_case(2, 0)
    outcome = climb(case.package, case.images, None, front=[Broken()])
    assert outcome.verdict is Verdict.TRACEBACK
    assert outcome.kind == "KeyError in test_ladder.py, mismatch: 'N'"
    assert outcome.detail.splitlines()[-1] == "KeyError: 'conv7'"
    assert "/" not in outcome.detail.splitlines()[0]


def test_a_wrong_value_is_found(monkeypatch):
    """The IR with one bias moved differs, and the first difference is told."""
    case = graph_case(2, 0)
    golden = run(case.package, case.images)
    tensors = {name: t + 1 if name == "head.bias" else t for name, t in case.package.tensors.items()}
    moved = replace(case.package, tensors=tensors)
    found = IRRung().mismatch(trial.Climb(moved, case.images, golden))
    assert (found.image, found.layer, found.step, found.token, found.channel) == (0, "head", 0, 0, 0)
    got = {name: value.numpy() for name, value in golden.values.items()}
    got |= {f"{name}.kept": kept.numpy() for name, kept in golden.kept.items()}
    assert first_mismatch(case.package, golden, got, golden.scores.numpy()) is None
    layer = case.package.network.ops[0].name
    got[layer] = got[layer].copy()
    got[layer][1, 0, 0, 0] ^= 1
    found = first_mismatch(case.package, golden, got, golden.scores.numpy())
    assert (found.image, found.layer, found.step, found.token, found.channel) == (1, layer, 0, 0, 0)


def test_equal_refusals_count_together():
    case = graph_case(2, 0)
    first, head = case.package.network.ops[0].name, case.package.network.ops[-1].name
    for text, kind in [
        (f"{first}: leak 3/16 is not built yet", "OP: leak N/N is not built yet"),
        (f"{head}: the head reads the grid (2, 3), not (4, 6)", "OP: the head reads the grid SIZES, not SIZES"),
        (f"op {first!r}: {first!r} must be spikes (values 0 or 1)", "op OP: OP must be spikes (values N or N)"),
    ]:  # fmt: skip
        assert refusal_kind(text, case.package) == kind


def test_a_refusal_is_one_sentence():
    class Refusing:
        name = "refusing"

        def mismatch(self, climb):
            raise PlainError("conv0: not today\nand more")

    case = graph_case(2, 0)
    outcome = climb(case.package, case.images, None, front=[Refusing()])
    assert (outcome.verdict, outcome.detail) == (Verdict.REFUSED, "conv0: not today")
