"""spikewright compare"""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from spikewright.commands.common import fail, out, plain_errors, progress, show, single_thread
from spikewright.commands.images import Chosen, choose_images


def run_compare(build: Path, images: int | None, file: Path | None) -> dict[str, Any]:
    """Compare and write report.json and timing.json; returns the report."""
    from spikewright.sim.build_folder import open_build
    from spikewright.sim.compare import compare as run
    from spikewright.sim.report import REPORT, TIMING, build_report, read_json, write_json
    from spikewright.sim.run import Target, simulator_of

    single_thread()
    opened = open_build(build)
    chosen: Chosen = choose_images(opened.package, images, file)
    start = time.monotonic()
    with progress("build the simulator", None):
        built = simulator_of(opened)
    ready = time.monotonic()
    with progress("compare", len(chosen.images)) as tell:
        found = run(Target.of_build(opened), built, chosen.images, progress=tell)
    end = time.monotonic()
    report = build_report(opened, found, chosen.labels)
    write_json(opened.path / REPORT, report)
    cycles = int(found.counters[:, 0].sum())
    timing = {
        "simulator_build_seconds": round(ready - start, 2),
        "compare_seconds": round(end - ready, 2),
        "simulation_seconds": round(found.seconds, 2),
        "simulated_cycles": cycles,
        "cycles_per_second": round(cycles / found.seconds),
        "images_per_second": round(found.images / found.seconds, 3),
    }
    write_json(opened.path / TIMING, read_json(opened.path / TIMING) | timing)
    return report


def mismatch_sentence(report: dict[str, Any]) -> str:
    """The first mismatch, and how many more there are."""
    first = report["first_mismatch"]
    where = ", ".join(f"{key} {first[key]}" for key in ("image", "layer", "step", "token", "channel"))
    return (
        f"not bit-exact: {where}: expected {first['expected']}, got {first['got']}; {report['mismatches'] - 1} more "
        f"mismatches in {len(report['mismatched_layers'])} layers"
    )


@plain_errors
def compare(
    build: Annotated[Path, typer.Argument(help="BUILD folder.")],
    images: Annotated[
        int | None, typer.Option(help="So many test images of the package's data set (all, if not given).")
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(help="Those of a recipe (.yaml) instead, or a .npy, uint8 [H, W, C] or [N, H, W, C]."),
    ] = None,
) -> None:
    """Compare the accelerator with the golden model: every layer, step, token and channel.

    Example: spikewright compare build/mine --images 32
    """
    report = run_compare(build, images, input)
    cycles = report["cycles"]
    if not report["bit_exact"]:
        fail(f"{mismatch_sentence(report)} (report {show(build / 'report.json')})")
    out.print(
        f"bit-exact: {report['images']} images, {report['values_compared']} values; "
        f"{cycles['per_image']:.0f} cycles an image ({cycles['predicted']} predicted without skipping)"
    )
    out.print(f"report: {show(build / 'report.json')}")
