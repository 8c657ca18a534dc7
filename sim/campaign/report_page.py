"""The page of a campaign, drawn from its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikewright.sim.campaign.coverage import ALL_FACTS, ALL_ROLES, impossible, met
from spikewright.sim.campaign.report import OFTEN


def page_of(report: Mapping[str, Any], hours: float) -> str:
    """Markdown."""
    plan, graphs, layers = report["plan"], report["graphs"], report["layers"]
    share = "no layer" if layers["alive_share"] is None else f"{100 * layers['alive_share']:.1f} %"
    lines = [
        f"# Campaign {plan['seed']}",
        "",
        f"{graphs['drawn']} graphs: {graphs['accepted']} accepted and equal on {' = '.join(report['rungs'])}, "
        f"{graphs['refused']} refused, {graphs['mismatch']} with a mismatch, {graphs['traceback']} with a traceback. "
        f"{hours:.2f} processor hours.",
        "",
        f"Layers of the accepted graphs: {layers['all']}; {share} fire at 2 to 60 %, {layers['seldom']} less, "
        f"{layers['often']} more, {layers['dead']} never, {layers['always']} always.",
        "",
        *_failures(report["failures"]),
        *_counted("Refused", "sentence", report["refused"]),
        *_structures(report["structures"]),
        "## Coverage",
        "",
        f"How often an op read a value of which layout; **bold**: less than {OFTEN} times; –: impossible.",
        "",
        "| layout | " + " | ".join(ALL_ROLES) + " |",
        "|---|" + "--:|" * len(ALL_ROLES),
        *(f"| {fact} | " + " | ".join(_cell(report["coverage"], role, fact) for role in ALL_ROLES) + " |"
          for fact in ALL_FACTS),
        "",
        f"By the engine's shape: `coverage` in the report. Triples that were never met: {_never(report['coverage'])}.",
        "",
        *_counted("Impossible", "pair", report["impossible"], "why"),
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _cell(table: Mapping[str, Any], role: str, fact: str) -> str:
    if impossible(role, fact):
        return "–"
    count = met(table[role][fact])
    return str(count) if count >= OFTEN else f"**{count}**"


def _never(table: Mapping[str, Any]) -> str:
    triples = [
        f"{role}, {fact}, {shape}"
        for role, rows in table.items()
        for fact, row in rows.items()
        for shape, count in row.items()
        if not count and met(row)
    ]
    shown = "; ".join(triples[:12]) + ("; …" if len(triples) > 12 else "")
    return f"{len(triples)} of pairs that were met" + (f" ({shown})" if triples else "")


def _failures(failures: list[Mapping[str, Any]]) -> list[str]:
    if not failures:
        return []
    lines = [
        "## Failures",
        "",
        "| graph | verdict | kind | smallest that fails | detail |",
        "|---|---|---|---|---|",
    ]
    for failed in failures:
        last = _plain(str(failed["detail"]).strip().splitlines()[-1])
        lines.append(
            f"| {failed['graph']} | {failed['verdict']} | {_plain(failed['kind'])} | {failed['size']} | {last} |"
        )
    return [*lines, ""]


def _structures(rows: list[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["## On RTL", "", "| " + " | ".join(names) + " |", "|" + "--:|" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
    return [*lines, ""]


def _counted(title: str, of: str, counts: Mapping[str, Any], what: str = "graphs") -> list[str]:
    if not counts:
        return []
    lines = [f"## {title}", "", f"| {of} | {what} |", "|---|---|"]
    return [*lines, *(f"| {_plain(name)} | {count} |" for name, count in counts.items()), ""]


def _plain(text: str) -> str:
    return text.replace("|", ",")
