"""The command ``spikewright compare``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from spikewright.commands.command import CommandAnswer, Failed, command
from spikewright.commands.common import UserError, out, show, single_thread
from spikewright.commands.pages import draw_page
from spikewright.commands.progress import phases, progress

if TYPE_CHECKING:
    from spikewright.flow.report import Report


class CompareAnswer(CommandAnswer):
    """What was compared."""

    build: Path = Field(description="The BUILD folder.")
    report: dict[str, Any] = Field(description="What `report.json` of the BUILD holds ([the report](report.md)).")
    page: Path = Field(description="The page that shows it.")


def run_compare(build: Path, images: int | None, file: Path | None, *, expected: str | None = None) -> "Report":
    """Compare and write report.json, traces.json, timing.json and report.html; returns the report.

    expected: the manifest's hash; UserError where the BUILD is another one by now.
    """
    from spikewright.commands.images import choose_images
    from spikewright.flow.build_folder import reading, updating
    from spikewright.flow.json_files import read_json, write_json
    from spikewright.flow.report import TIMING
    from spikewright.flow.reporting import build_report
    from spikewright.flow.tracing import Tracing
    from spikewright.sim.accelerator.compare import compare as compare_images

    single_thread()
    with reading(build) as opened:
        if expected not in (None, opened.manifest_hash):
            raise UserError(f"{build} was replaced by another command: name another folder with --output")
        chosen = choose_images(opened.package, images, file)
        start = time.monotonic()
        with phases("build the simulator") as phase:
            built = opened.simulator(tell=phase)
        ready = time.monotonic()
        tracing = Tracing(opened, chosen.labels)
        with progress("compare", len(chosen.images) * opened.trace_map.predicted, "cycles") as tell:
            comparison = compare_images(opened.network, built, chosen.images, progress=tell, observe=tracing.add)
        end = time.monotonic()
        cycles = int(comparison.counters[:, 0].sum())
        timing = {
            "simulator_build_seconds": round(ready - start, 2),
            "compare_seconds": round(end - ready, 2),
            "simulation_seconds": round(comparison.seconds, 2),
            "simulated_cycles": cycles,
            "cycles_per_second": round(cycles / comparison.seconds),
            "images_per_second": round(comparison.images / comparison.seconds, 3),
        }
        with updating(opened):
            report = build_report(opened, comparison, chosen.labels, tracing.fired())
            report.write(opened.path)
            tracing.traces(report.identity).write(opened.path)
            write_json(opened.path / TIMING, read_json(opened.path / TIMING) | timing)
        draw_page(opened.path)
    return report


def mismatch_sentence(report: "Report") -> str:
    """The first mismatch, and how many more there are."""
    first = report.first_mismatch
    assert first is not None
    where = ", ".join(f"{key} {getattr(first, key)}" for key in ("image", "layer", "step", "token", "channel"))
    return (
        f"not bit-exact: {where}: expected {first.expected}, got {first.got}; {report.mismatches - 1} more "
        f"mismatches in {len(report.mismatched_layers)} layers"
    )


def answer_of(build: Path, report: "Report") -> CompareAnswer:
    """The answer of a comparison; Failed where it is not bit-exact."""
    answer = CompareAnswer(build=build, report=report.to_dict(), page=build / "report.html")
    if not report.bit_exact:
        raise Failed(f"{mismatch_sentence(report)} (report {show(build / 'report.html')})", answer)
    return answer


@command(CompareAnswer)
def compare(
    build: Annotated[Path, typer.Argument(help="BUILD folder.")],
    images: Annotated[
        int | None, typer.Option(help="So many test images of the package's data set (all, if not given).")
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(help="Those of a recipe (.yaml) instead, or a .npy, uint8 [N, H, W, C], frames [N, T, H, W, C]."),
    ] = None,
) -> CompareAnswer:
    """Compare the accelerator with the golden model: every layer, step, token and channel.

    Example: spikewright compare build/mine --images 32
    """
    report = run_compare(build, images, input)
    answer = answer_of(build, report)
    out.print(
        f"bit-exact: {report.images} image{'s' if report.images > 1 else ''}, {report.values_compared} values; "
        f"{report.cycles.per_image:.0f} cycles an image ({report.cycles.predicted} predicted without skipping)"
    )
    if report.silent_layers:
        out.print(f"not shown, because they fired on no image: {', '.join(report.silent_layers)}")
    out.print(f"report: {show(build / 'report.json')}; as a page: {show(answer.page)}")
    return answer
