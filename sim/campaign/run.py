"""A campaign in a folder: what is done is kept, the same call goes on, and the report is that of the parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikewright.files import write_whole
from spikewright.locks import hold
from spikewright.sim.campaign.plan import CampaignError, Part, Plan, sources
from spikewright.sim.campaign.report import report_of
from spikewright.sim.campaign.report_page import page_of
from spikewright.sim.campaign.tally import Tally
from spikewright.sim.campaign.work import Done
from spikewright.sim.campaign.workers import Workers

REPORT, TIMING, PAGE = "report.json", "timing.json", "report.md"
_SETTINGS, _PARTS, _FAILURES, _LOCK = "campaign.json", "parts", "failures", ".lock"


def run_campaign(
    plan: Plan, folder: Path, workers: Workers, progress: Callable[[int, int], None] = lambda done, failures: None
) -> dict[str, Any]:
    """Do what is not done yet of a plan, and write the report; returns it.

    progress: takes the parts that are done and the failures so far. ``CampaignError`` where the folder holds another
    campaign, ``BusyError`` where another process is at it.
    """
    plan.check()
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder / _LOCK, busy=f"{folder}: another campaign is at work in this folder"):
        _same_campaign(plan, folder)
        parts = plan.parts()
        kept = {part.name: read for part in parts if (read := _kept(folder, part)) is not None}
        failures = sum(len(read["tally"]["failures"]) for read in kept.values())
        progress(len(kept), failures)
        for done in workers.run([part for part in parts if part.name not in kept]):
            kept[done.part.name] = _keep(folder, done)
            failures += len(done.tally["failures"])
            progress(len(kept), failures)
        return _write_report(plan, folder, [kept[part.name] for part in parts])


def _write_report(plan: Plan, folder: Path, parts: list[dict[str, Any]]) -> dict[str, Any]:
    tally = Tally()
    for part in parts:
        tally.merge(Tally.from_dict(part["tally"]))
    report = report_of(plan, tally)
    timing = {"processor_hours": round(sum(part["seconds"] for part in parts) / 3600, 4), "parts": len(parts)}
    _write_json(folder / REPORT, report)
    _write_json(folder / TIMING, timing)
    write_whole(folder / PAGE, page_of(report, timing["processor_hours"]).encode())
    return report


def _same_campaign(plan: Plan, folder: Path) -> None:
    """Remember whose folder it is, or refuse."""
    settings = {"seed": plan.seed, "sources": sources()}
    file = folder / _SETTINGS
    if not file.is_file():
        if any(entry.name != _LOCK for entry in folder.iterdir()):
            raise CampaignError(f"{folder}: is not empty and holds no campaign; name a new folder")
        _write_json(file, settings)
        return
    there = _read_json(file)
    for name, word in (("seed", "seed"), ("sources", "sources of Spikewright")):
        if there.get(name) != settings[name]:
            raise CampaignError(
                f"{folder}: holds a campaign of {word} {str(there.get(name))[:80]}, not {settings[name]}; name another "
                "folder"
            )


def _kept(folder: Path, part: Part) -> dict[str, Any] | None:
    """What was kept of a part, if it is done."""
    file = folder / _PARTS / f"{part.name}.json"
    return _read_json(file) if file.is_file() else None


def _keep(folder: Path, done: Done) -> dict[str, Any]:
    """The files of what failed, then the counts: a part is done once those are there."""
    for graph in {Path(name).parts[0] for name in done.files}:
        shutil.rmtree(folder / _FAILURES / graph, ignore_errors=True)
        (folder / _FAILURES / graph).mkdir(parents=True)
    for name, data in done.files.items():
        write_whole(folder / _FAILURES / name, data)
    for failed in done.tally["failures"]:
        if (folder / _FAILURES / failed["graph"]).is_dir():
            _write_json(folder / _FAILURES / failed["graph"] / "failure.json", failed)
    kept = {"tally": done.tally, "seconds": round(done.seconds, 3)}
    (folder / _PARTS).mkdir(exist_ok=True)
    _write_json(folder / _PARTS / f"{done.part.name}.json", kept)
    return kept


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text())
    except ValueError as error:
        raise CampaignError(f"{file}: not JSON ({error}); remove it, and its part is done again") from None
    if not isinstance(data, dict):
        raise CampaignError(f"{file}: must be a JSON object; remove it, and its part is done again")
    return data


def _write_json(file: Path, data: dict[str, Any]) -> None:
    write_whole(file, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
