"""Random graphs on the ladder and on RTL: whole campaigns, which go on where they were stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.common import ROOT, command
from benchmarks.results import Row
from benchmarks.trust.workers import worker_rows
from spikewright.compiler.target.structure import FLAGS
from spikewright.flow.json_files import read_json
from spikewright.sim.campaign.coverage import met
from spikewright.sim.campaign.plan import sources
from spikewright.sim.campaign.report import OFTEN

COMMAND = command("campaign")
WORK = ROOT / "build" / "benchmarks" / "campaign"
#: Campaign → words of its command.
CAMPAIGNS = {
    "graphs": ("--graphs", "10000"),
    "rtl": ("--rtl", "600"),
}


def rows() -> list[Row]:
    """All rows; hours, of which nothing is done twice."""
    reports = {name: report_of(name) for name in CAMPAIGNS}
    return [
        *ladder_rows(reports["graphs"]),
        *rtl_rows(reports["rtl"]),
        *worker_rows(),
    ]


def report_of(name: str) -> dict[str, Any]:
    """Run a campaign, or what is missing of it; other sources begin anew."""
    folder = WORK / f"{name}-{sources()}"
    words = [sys.executable, "-m", "spikewright", "campaign", *CAMPAIGNS[name], "-o", str(folder)]
    subprocess.run(words, cwd=ROOT, check=False)  # a failure is in the report
    return read_json(folder / "report.json") | {"hours": read_json(folder / "timing.json")["processor_hours"]}


def wrong(report: Mapping[str, Any]) -> str:
    """Mismatches and tracebacks of a report."""
    return f"{report['graphs']['mismatch']} mismatches, {report['graphs']['traceback']} tracebacks"


def _clean(report: Mapping[str, Any]) -> bool:
    return not report["graphs"]["mismatch"] and not report["graphs"]["traceback"] and not report["failures"]


def ladder_rows(report: Mapping[str, Any]) -> list[Row]:
    """Graphs over the whole format, the layers' rates, and what was met how often."""
    graphs, layers, table = report["graphs"], report["layers"], report["coverage"]
    ladder = " = ".join(report["rungs"])
    counts = {f"{role} | {fact}": met(row) for role, facts in table.items() for fact, row in facts.items()}
    seldom = ", ".join(f"{name} ({count})" for name, count in report["seldom"].items())
    share = round(100 * (layers["alive_share"] or 0), 1)
    idle = ", ".join(f"{100 * layers[name] / max(1, layers['all']):.1f} % {name}" for name in ("dead", "always"))
    return [
        Row("trust.campaign-graphs", COMMAND, f"{graphs['accepted']}/{graphs['drawn']}",
            f"random graphs over the whole package format accepted, every value equal: {ladder}",
            "10 000 of 10 000, none refused",
            graphs["accepted"] == graphs["drawn"] >= 10_000 and _clean(report) and "program" in report["rungs"],
            seeds=str(report["plan"]["seed"]),
            note=f"{wrong(report)}; {graphs['refused']} refused in {len(report['refused'])} sentences; "
                 f"{report['hours']:.1f} processor hours"),
        Row("trust.campaign-rates", COMMAND, share, "% of their layers fire at 2 to 60 %", "at least 80", share >= 80,
            note=f"{layers['all']} layers; {idle}"),
        Row("trust.campaign-coverage", COMMAND, sum(count >= OFTEN for count in counts.values()),
            f"of {len(counts)} pairs of op and layout met at least {OFTEN} times", "all that are possible",
            not report["seldom"],
            note=f"{len(report['impossible'])} are impossible and named" + (f"; seldom: {seldom}" if seldom else "")),
    ]  # fmt: skip


def rtl_rows(report: Mapping[str, Any]) -> list[Row]:
    """Networks on RTL, the structures that they ran on, and what their counters said."""
    structures = [row for row in report["structures"] if row["networks"]]

    def total(name: str, *, skip: bool | None = None) -> int:
        return sum(row.get(name, 0) for row in structures if skip is None or row["skip"] is skip)

    networks = total("networks")
    kinds: dict[str, set[int]] = {"streams": {1, 2}, "banks": set(range(1, 9)), "steps": set(range(1, 9))}
    kinds |= {flag: {0, 1} for flag in FLAGS}
    missing = [name for name, wanted in kinds.items() if not wanted <= {row[name] for row in structures}]
    missing += [] if any(row["tokens"] % 2 for row in structures) else ["odd tokens"]
    return [
        Row("trust.campaign-rtl", COMMAND, f"{total('exact')}/{networks}", "networks exact on RTL, every value",
            "600 of 600 or more", total("exact") == networks >= 600 and _clean(report),
            seeds=str(report["plan"]["seed"]),
            note=f"{total('values')} values; {wrong(report)}; {report['hours']:.1f} processor hours"),
        Row("trust.campaign-rtl-structures", COMMAND, len(structures), "structures", "at least 20, all kinds",
            len(structures) >= 20 and not missing,
            note=f"without: {', '.join(missing)}" if missing else "1 and 2 streams, 1 to 8 banks, 1 to 8 steps, odd "
                 f"tokens, each of {len(FLAGS)} features there and not"),
        Row("trust.campaign-rtl-predicted", COMMAND, f"{total('predicted')}/{total('networks', skip=False)}",
            "networks whose measured cycles are the predicted ones, skipping off", "all, at least 200",
            total("predicted") == total("networks", skip=False) >= 200),
        Row("trust.campaign-rtl-pairs", COMMAND, f"{total('pairs')}/{total('networks', skip=True)}",
            "networks whose pairs are issued or skipped, skipping on", "all, at least 200",
            total("pairs") == total("networks", skip=True) >= 200),
    ]  # fmt: skip
