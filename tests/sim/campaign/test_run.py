"""A campaign in a folder: equal reports however it is run, nothing done twice, nothing mixed."""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from spikewright.locks import BusyError
from spikewright.models.package import read_package
from spikewright.sim.campaign import plan as plans
from spikewright.sim.campaign import workers as team
from spikewright.sim.campaign.coverage import ALL_FACTS, ALL_ROLES, impossible, met, seldom, table_of
from spikewright.sim.campaign.ladder import package_bytes
from spikewright.sim.campaign.plan import CampaignError, Part, Plan
from spikewright.sim.campaign.run import run_campaign
from spikewright.sim.campaign.tally import Tally
from spikewright.sim.campaign.work import Done, do_part
from spikewright.sim.campaign.workers import Processes

SEED = 3


class Here:
    """This process; it counts what it does, and can stop early."""

    def __init__(self, most: int = 1000) -> None:
        self.done: list[str] = []
        self.most = most

    def run(self, parts):
        for part in parts[: self.most]:
            self.done.append(part.name)
            yield do_part(part)
        if len(parts) > self.most:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(plans, "GRAPHS_A_PART", 3)


PLAN = Plan(seed=SEED, graphs=12)


def texts(folder):
    return {name: (folder / name).read_bytes() for name in ("report.json", "campaign.json")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A campaign that ran through, in this process."""
    folder = tmp_path_factory.mktemp("campaign")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "GRAPHS_A_PART", 3)
        run_campaign(PLAN, folder, Here())
    return folder


@pytest.mark.timeout(300)
def test_killed_workers_and_their_number_change_nothing(whole, tmp_path):
    killed = []

    def kill_one(done, _failures):
        if done == 1:
            (victim,) = active_children()[:1]
            victim.kill()
            killed.append(victim.pid)

    run_campaign(PLAN, tmp_path, Processes(2), kill_one)
    assert killed
    assert texts(tmp_path) == texts(whole)
    deadline = time.monotonic() + 10
    while active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not active_children()


def test_a_stopped_campaign_goes_on(whole, tmp_path):
    first, second = Here(most=1), Here()
    with pytest.raises(KeyboardInterrupt):
        run_campaign(PLAN, tmp_path, first)
    assert not (tmp_path / "report.json").exists()
    run_campaign(PLAN, tmp_path, second)
    assert (len(first.done), len(second.done)) == (1, 3)
    assert texts(tmp_path) == texts(whole)
    third = Here()
    run_campaign(PLAN, tmp_path, third)
    assert not third.done


def test_more_graphs_are_added_to_those_there(whole, tmp_path):
    run_campaign(Plan(seed=SEED, graphs=6), tmp_path, Here())
    more = Here()
    run_campaign(PLAN, tmp_path, more)
    assert len(more.done) == 2
    assert texts(tmp_path) == texts(whole)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan(seed=SEED + 1, graphs=12), f"holds a campaign of seed {SEED}, not {SEED + 1}; name another folder"),
    ],
)
def test_another_campaign_is_refused(whole, plan, sentence):
    before = texts(whole)
    with pytest.raises(CampaignError, match=sentence):
        run_campaign(plan, whole, Here())
    assert texts(whole) == before


def test_other_sources_are_refused(whole, monkeypatch):
    monkeypatch.setattr("spikewright.sim.campaign.run.sources", lambda: "changed")
    with pytest.raises(CampaignError, match="holds a campaign of sources of Spikewright"):
        run_campaign(PLAN, whole, Here())


def test_another_folder_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CampaignError, match="is not empty and holds no campaign; name a new folder"):
        run_campaign(PLAN, tmp_path, Here())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "mine.txt"]


def test_two_campaigns_in_one_folder(tmp_path):
    class Nested(Here):
        def run(self, parts):
            with pytest.raises(BusyError, match="another campaign is at work in this folder"):
                run_campaign(PLAN, tmp_path, Here())
            yield from super().run(parts)

    run_campaign(Plan(seed=SEED, graphs=3), tmp_path, Nested())


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan(), "nothing to do: ask for graphs or for networks on rtl"),
        (Plan(seed=-1, graphs=1), "seed, graphs and rtl must be from 0 to 2147483647"),
    ],
)
def test_plans_that_cannot_be(plan, sentence, tmp_path):
    with pytest.raises(CampaignError, match=sentence):
        run_campaign(plan, tmp_path / "new", Here())
    assert not (tmp_path / "new").exists()


def test_a_damaged_part_is_named(whole, tmp_path):
    run_campaign(Plan(seed=SEED, graphs=3), tmp_path, Here())
    (part,) = (tmp_path / "parts").iterdir()
    part.write_text(part.read_text()[:-9])
    with pytest.raises(CampaignError, match=r"not JSON .*remove it, and its part is done again"):
        run_campaign(Plan(seed=SEED, graphs=3), tmp_path, Here())


def test_the_report(whole):
    report = json.loads((whole / "report.json").read_text())
    graphs = report["graphs"]
    assert graphs["drawn"] == 12 == sum(graphs[v] for v in ("accepted", "refused", "mismatch", "traceback"))
    assert sum(report["refused"].values()) == graphs["refused"]
    layers = report["layers"]
    assert layers["all"] == sum(layers[name] for name in ("alive", "seldom", "often", "dead", "always")) > 0
    assert (
        report["coverage"]["conv"]["made by: the image"]["1 stream"]
        + report["coverage"]["conv"]["made by: the image"]["2 streams"]
        >= graphs["accepted"]
    )
    assert json.loads((whole / "timing.json").read_text())["processor_hours"] > 0
    page = (whole / "report.md").read_text()
    assert page.startswith(f"# Campaign {SEED}\n\n12 graphs: {graphs['accepted']} accepted")
    assert all(role in page for role in ALL_ROLES)


def test_failures_are_written(tmp_path):
    from spikewright.sim.campaign.ladder import graph_case

    package = graph_case(1, 1).package

    class Failing(Here):
        def run(self, parts):
            for part in parts:
                tally = Tally(failures=[{"graph": "1-1", "verdict": "mismatch", "kind": "ir", "detail": "here",
                                         "size": "2 ops", "target": "?"}])  # fmt: skip
                yield Done(part, tally.to_dict(), 1.0, "x", {"1-1/small.safetensors": package_bytes(package)})

    report = run_campaign(Plan(seed=1, graphs=3), tmp_path, Failing())
    assert [failed["graph"] for failed in report["failures"]] == ["1-1"]
    assert read_package(tmp_path / "failures" / "1-1" / "small.safetensors").network == package.network
    assert json.loads((tmp_path / "failures" / "1-1" / "failure.json").read_text())["detail"] == "here"
    assert "| 1-1 | mismatch | ir | 2 ops | here |" in (tmp_path / "report.md").read_text()


def test_coverage_counts_and_what_cannot_be():
    key = "linear | made by: conv | 1 stream"
    table = table_of({key: 19, key.replace("1 stream", "2 streams"): 1, key.replace("1 stream", "skip"): 20})
    assert met(table["linear"]["made by: conv"]) == 20
    rare = seldom(table, 20)
    assert "linear | made by: conv" not in rare
    assert len(rare) == sum(not impossible(role, fact) for role in ALL_ROLES for fact in ALL_FACTS) - 1
    assert impossible("pool", "grid: no grid") == "reads a grid"
    assert "made by: the image" not in table["head"]


class Deadly(Part):
    """A part that ends the process that reads it."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.timeout(120)
def test_a_part_that_kills_its_workers_is_told(monkeypatch):
    monkeypatch.setattr(team, "ATTEMPTS", 2)
    with pytest.raises(CampaignError, match=r"^the worker of part graphs-0000003-2 died 2 times; what is done is"):
        list(Processes(1).run([Deadly(1, "graphs", 3, 2)]))


# a shell that runs the tests in the background would have it ignore SIGINT
ENDLESS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from spikewright.locks import BusyError
from spikewright.sim.campaign.plan import Part
from spikewright.sim.campaign.workers import Processes
print("begun", flush=True)
list(Processes(2).run([Part(1, "graphs", first, 100000) for first in (0, 100000)]))
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(how):
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout.readline() == b"begun\n"
        deadline = time.monotonic() + 20
        while len(workers := children_of(parent.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        parent.send_signal(how)
        try:
            parent.wait(timeout=5)
        finally:
            parent.kill()
    assert len(workers) >= 2
    deadline = time.monotonic() + 5
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def children_of(pid):
    lines = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in lines.split()]


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
