"""The report of a campaign: what was drawn, what became of it, what was met and what never."""

from __future__ import annotations

from typing import Any

from spikewright.sim.campaign.coverage import ALL_FACTS, ALL_ROLES, MARK, impossible, seldom, table_of
from spikewright.sim.campaign.plan import Plan
from spikewright.sim.campaign.rungs import FRONT_RUNGS, PROGRAM_RUNGS
from spikewright.sim.campaign.tally import Tally
from spikewright.sim.campaign.trial import Verdict

#: Times that each pair of op and layout is to be met in a whole campaign.
OFTEN = 20


def report_of(plan: Plan, tally: Tally) -> dict[str, Any]:
    """Plain data for JSON: nothing in it depends on workers, times or the order of parts."""
    layers = tally.layers.total()
    table = table_of(tally.coverage)
    return {
        "plan": plan.to_dict(),
        "rungs": ["golden", *(rung.name for rung in (*FRONT_RUNGS, *PROGRAM_RUNGS))],
        "graphs": {
            "drawn": sum(tally.verdicts[verdict.value] for verdict in Verdict),
            **{verdict.value: tally.verdicts[verdict.value] for verdict in Verdict},
            "passed over": {name: count for name, count in sorted(tally.verdicts.items()) if name not in set(Verdict)},
        },
        "refused": dict(sorted(tally.refusals.items(), key=lambda item: (-item[1], item[0]))),
        "layers": {
            "all": layers,
            **{name: tally.layers[name] for name in ("alive", "seldom", "often", "dead", "always")},
            "alive_share": round(tally.layers["alive"] / layers, 4) if layers else None,
        },
        "coverage": table,
        "seldom": seldom(table, OFTEN),
        "impossible": {
            f"{role}{MARK}{fact}": impossible(role, fact)
            for role in ALL_ROLES for fact in ALL_FACTS if impossible(role, fact)
        },
        "structures": sorted(tally.structures, key=lambda row: int(row["structure"])),
        "failures": sorted(tally.failures, key=lambda failed: str(failed["graph"])),
    }  # fmt: skip
