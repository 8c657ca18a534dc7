"""The command ``spikewright demo``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.boards.registry import load_board
from spikewright.commands.command import command
from spikewright.commands.common import err, new_table, out, show
from spikewright.commands.compare import CompareAnswer, answer_of, run_compare
from spikewright.commands.completion import board_names, example_names
from spikewright.commands.generate import run_generate
from spikewright.commands.packages import find_package

if TYPE_CHECKING:
    from spikewright.flow.report import Report

DEFAULT = "clutter-digits"


@command(CompareAnswer)
def demo(
    model: Annotated[
        str, typer.Argument(help="Package, or the name of an example.", autocompletion=example_names)
    ] = DEFAULT,
    board: Annotated[str, typer.Option(help="Board to build for.", autocompletion=board_names)] = "ulx3s-85f",
    images: Annotated[int | None, typer.Option(help="So many test images (all, if not given).")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="BUILD folder to write.")] = Path("build/demo"),
) -> CompareAnswer:
    """Generate, simulate and compare a trained network that ships, and show what came out.

    Example: spikewright demo clutter-digits
    """
    load_board(board)
    package = find_package(model)
    start = time.monotonic()
    err.print(f"1. generate: {show(package)} for {board}")
    generated = run_generate(package, board, output)
    err.print("2. simulate the Verilog, and compare it with the golden model (the first time a simulator is compiled)")
    report = run_compare(output, images, None, expected=generated.manifest)
    show_report(report)
    page = show(output / "report.html")
    out.print(f"report: {show(output / 'report.json')} ({time.monotonic() - start:.0f} s); to look at: {page}")
    return answer_of(output, report)


def show_report(report: "Report") -> None:
    """A report as tables a stranger understands."""
    from spikewright.flow.summary import summary

    lines = new_table("what", "value", "meaning", title=f"{report.images} images on {report.board}")
    for line in summary(report):
        lines.add_row(*line)
    out.print(lines)
    layers = new_table("layer", "cycles", "predicted", "words skipped", title="cycles of each layer")
    for name, row in report.cycles.layers.items():
        share = f"{row.skipped / row.pairs:.0%}" if row.pairs else ""
        layers.add_row(name, f"{row.cycles:.0f}", str(row.predicted), share)
    out.print(layers)
