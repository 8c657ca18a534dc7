"""The rows of campaigns, from reports that are made up: which bars are met, and which are not."""

from typing import Any

import numpy as np
import pytest

from benchmarks.trust import workers
from benchmarks.trust.campaign import ladder_rows, rtl_rows
from spikewright.compiler.target.structure import FLAGS
from spikewright.sim.campaign.coverage import table_of
from spikewright.sim.campaign.plan import Plan
from spikewright.sim.campaign.report import report_of
from spikewright.sim.campaign.tally import Tally
from spikewright.sim.stimulus.random_shapes import spread_shape

HOURS = {"hours": 3.0}


def report(**counts: Any) -> dict[str, Any]:
    tally = Tally()
    for name, value in counts.items():
        getattr(tally, name).extend(value) if isinstance(value, list) else getattr(tally, name).update(value)
    return report_of(Plan(graphs=1), tally) | HOURS


def met_of(rows: list[Any]) -> dict[str, Any]:
    return {row.id.removeprefix("trust.campaign-"): row.met for row in rows}


def test_the_ladder() -> None:
    good = report(verdicts={"accepted": 10_000}, layers={"alive": 90, "dead": 9})
    assert met_of(ladder_rows(good | {"rungs": ["golden", "ir", "program"]})) == {
        "graphs": True, "rates": True, "coverage": False,
    }  # fmt: skip
    assert not ladder_rows(good | {"rungs": ["golden", "ir"]})[0].met
    wrong = report(verdicts={"accepted": 10_000, "mismatch": 1}, layers={"alive": 7, "dead": 3})
    assert met_of(ladder_rows(wrong | {"rungs": ["golden", "ir", "program"]})) == {
        "graphs": False, "rates": False, "coverage": False,
    }  # fmt: skip
    full = {f"{role} | {fact} | {shape}": 20 for role, facts in table_of({}).items() for fact, row in facts.items()
            for shape in row}  # fmt: skip
    assert ladder_rows(report(coverage=full))[2].met


def test_a_graph_that_is_refused_is_told() -> None:
    refused = report(verdicts={"accepted": 10_000, "refused": 1}, refusals={"OP: no": 1}, layers={"alive": 9})
    (row, *_) = ladder_rows(refused | {"rungs": ["golden", "ir", "program"]})
    assert (row.value, row.met) == ("10000/10001", False)


def structures(count: int = 24, exact: int = 25) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        shape = spread_shape(np.random.default_rng(1), number)
        counted = {"pairs" if shape.skip else "predicted": 25}
        rows.append({"structure": number, **vars(shape), "networks": 25, "exact": exact, "values": 9,
                     **dict.fromkeys(FLAGS, number % 2), **counted})  # fmt: skip
    return rows


def test_rtl() -> None:
    assert set(met_of(rtl_rows(report(structures=structures()))).values()) == {True}
    assert met_of(rtl_rows(report(structures=structures(exact=24))))["rtl"] is False
    few = met_of(rtl_rows(report(structures=structures(count=6))))
    assert set(few.values()) == {False}
    failed = report(structures=structures(), failures=[{"graph": "1-2"}])
    assert met_of(rtl_rows(failed))["rtl"] is False


def test_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.importlib.util, "find_spec", lambda _name: True)
    monkeypatch.setattr(workers, "report_bytes", lambda _way: b"same")
    assert workers.worker_rows()[0].met
    monkeypatch.setattr(workers, "report_bytes", lambda way: None if "killed" in way else b"same")
    (row,) = workers.worker_rows()
    assert (row.value, row.met) == ("4/6", False)
    monkeypatch.setattr(workers.importlib.util, "find_spec", lambda _name: None)
    assert not workers.worker_rows()[0].met
