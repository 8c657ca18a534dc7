"""The command ``spikewright campaign``."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field

from spikewright.commands.command import CommandAnswer, Failed, command
from spikewright.commands.common import UserError, err, out, show


class CampaignAnswer(CommandAnswer):
    """What a campaign found."""

    folder: Path = Field(description="Folder of the campaign.")
    report: dict[str, Any] = Field(description="What its `report.json` holds ([campaigns](campaign.md)).")


@command(CampaignAnswer)
def campaign(
    graphs: Annotated[int, typer.Option(help="Random graphs on the ladder.")] = 0,
    rtl: Annotated[int, typer.Option(help="Random networks on RTL, 25 on each of so many structures.")] = 0,
    seed: Annotated[int, typer.Option(help="Of everything: the same graphs on any machine.")] = 1,
    workers: Annotated[int | None, typer.Option(help="Processes; one for each core if not given.")] = None,
    ray: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster instead, or 'local'; needs the extra 'distributed'.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the campaign; what is done there is not done again.")
    ] = Path("build/campaign"),
) -> CampaignAnswer:
    """Draw networks at random and hold every representation of them against the golden model.

    Example: spikewright campaign --graphs 1000 --rtl 50 -o build/campaign
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from spikewright.sim.campaign.plan import Plan
    from spikewright.sim.campaign.run import PAGE, run_campaign
    from spikewright.sim.campaign.workers import Processes, Ray, Workers

    if workers is not None and not 1 <= workers <= 1024:
        raise UserError(f"--workers must be from 1 to 1024, not {workers}")
    if workers is not None and ray not in (None, "local"):
        raise UserError("--workers goes with processes, or with --ray local; a cluster has its own")
    plan = Plan(seed, graphs, rtl)
    plan.check()
    team: Workers = Ray(ray, workers) if ray is not None else Processes(workers or len(os.sched_getaffinity(0)))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=err, disable=not err.is_terminal or err.quiet) as bar:
        task = bar.add_task("campaign", total=len(plan.parts()))

        def tell(done: int, failures: int) -> None:
            words = f"campaign, {failures} failures" if failures else "campaign"
            bar.update(task, completed=done, description=words)

        report = run_campaign(plan, output, team, tell)
    drawn, layers = report["graphs"], report["layers"]
    out.print(
        f"{drawn['drawn']} graphs: {drawn['accepted']} accepted, {drawn['refused']} refused "
        f"({len(report['refused'])} sentences), {drawn['mismatch']} mismatches, {drawn['traceback']} tracebacks",
    )
    if layers["all"]:
        share = 100 * layers["alive_share"]
        out.print(f"{share:.1f} % of {layers['all']} layers fire at 2 to 60 %; {len(report['seldom'])} pairs of op and "
                  "layout were met less than 20 times")  # fmt: skip
    if report["structures"]:
        networks = sum(row["networks"] for row in report["structures"])
        exact = sum(row.get("exact", 0) for row in report["structures"])
        out.print(f"{exact} of {networks} networks exact on RTL, on {len(report['structures'])} structures")
    for failed in report["failures"]:
        out.print(f"failed: graph {failed['graph']}, {failed['verdict']}: {failed['kind']}; {failed['size']}")
    out.print(f"report: {show(output / PAGE)}")
    answer = CampaignAnswer(folder=output, report=report)
    if report["failures"]:
        raise Failed(f"{len(report['failures'])} graphs failed (packages in {show(output / 'failures')})", answer)
    return answer
