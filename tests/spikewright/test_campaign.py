"""spikewright campaign: what it refuses, what it prints, how it ends."""

import json

import pytest

from spikewright.sim.campaign import run as campaigns
from spikewright.sim.campaign import workers
from spikewright.sim.campaign.tally import Tally
from spikewright.sim.campaign.work import Done


class Made:
    """Workers whose counts are made up."""

    failures: tuple[dict[str, str], ...] = ()

    def __init__(self, *_words: object) -> None:
        pass

    def run(self, parts):
        for part in parts:
            tally = Tally(failures=list(self.failures))
            tally.verdicts.update(accepted=part.count - 1, refused=1)
            tally.refusals.update({"OP: [/x] not today": 1})
            tally.layers.update(alive=9, dead=1)
            if part.kind == "rtl":
                tally.structures.append({"structure": part.first, "networks": part.count, "exact": part.count})
            yield Done(part, tally.to_dict(), 1.0, "hash")


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(workers, "Processes", Made)
    return Made


def test_what_it_prints(run, made, tmp_path):
    result = run("campaign", "--graphs", 60, "--rtl", 30, "-o", tmp_path / "c")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "90 graphs: 86 accepted, 4 refused (1 sentences), 0 mismatches, 0 tracebacks"
    assert lines[1].startswith("90.0 % of 40 layers fire at 2 to 60 %; ")
    assert lines[2] == "30 of 30 networks exact on RTL, on 2 structures"
    assert lines[-1].endswith("report.md")
    assert json.loads((tmp_path / "c" / campaigns.REPORT).read_text())["refused"] == {"OP: [/x] not today": 4}


def test_a_failure_is_the_end(run, made, monkeypatch, tmp_path):
    failed = {"graph": "1-7", "verdict": "mismatch", "kind": "ir [b]", "detail": "d", "size": "3 ops", "target": "t"}
    monkeypatch.setattr(made, "failures", (failed,))
    result = run("campaign", "--graphs", 5, "-o", tmp_path / "c")
    assert result.exit_code == 1
    assert "failed: graph 1-7, mismatch: ir [b]; 3 ops" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("error: 1 graphs failed (packages in ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "nothing to do: ask for graphs or for networks on rtl"),
        (["--graphs", 1, "--workers", 0], "--workers must be from 1 to 1024, not 0"),
        (["--graphs", 1, "--workers", 2, "--ray", "auto"], "--workers goes with processes, or with --ray local; a "
         "cluster has its own"),
    ],
)  # fmt: skip
def test_refused(refused, words, sentence, tmp_path):
    assert refused("campaign", *words, "-o", tmp_path / "c") == sentence
    assert not (tmp_path / "c").exists()


def test_without_ray(refused, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    sentence = refused("campaign", "--graphs", 1, "--ray", "local", "-o", tmp_path / "c")
    assert sentence.startswith("Ray is not installed: pip install 'spikewright[distributed]'")


def test_another_seed_is_refused(run, made, refused, tmp_path):
    assert run("campaign", "--graphs", 5, "-o", tmp_path / "c").exit_code == 0
    sentence = refused("campaign", "--graphs", 5, "--seed", 2, "-o", tmp_path / "c")
    assert sentence.endswith("holds a campaign of seed 1, not 2; name another folder")
