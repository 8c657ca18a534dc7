"""The command ``spikewright synthesize``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.commands.common import UserError, err, new_table, out, plain_errors, progress, show


@plain_errors
def synthesize(
    build: Annotated[Path, typer.Argument(help="BUILD folder.")],
    seed: Annotated[int, typer.Option(help="Seed of the placer.")] = 1,
) -> None:
    """Synthesise, place and route a BUILD; utilisation, Fmax and critical path go into its report.

    Takes many minutes. Example: spikewright synthesize build/mine
    """
    from spikewright.boards.registry import real
    from spikewright.flow.build_folder import reading
    from spikewright.flow.report import read_report
    from spikewright.flow.reporting import add_synthesis
    from spikewright.flow.synthesis import synthesize_build

    if not 0 <= seed < 1 << 31:
        raise UserError(f"--seed must be from 0 to {(1 << 31) - 1}, not {seed}")
    with reading(build) as opened:
        real(opened.board)  # told before anything is built
        with progress("synthesize", None):
            result = synthesize_build(opened, seed=seed, log=lambda line: err.print(f"  {line}"))
        add_synthesis(opened)
        report = read_report(opened.path)
    table = new_table("resource", "used", "there", title=f"{result['board']} ({result['part']})")
    for name in ("lut", "ff", "block_ram", "dsp"):
        table.add_row(name, str(result[name]["used"]), str(result[name]["available"]))
    out.print(table)
    verdict = "meets" if result["meets_clock"] else "misses"
    out.print(f"Fmax {result['fmax_mhz']:.1f} MHz: {verdict} the board's clock of {result['clock_mhz']:g} MHz")
    if path := result["critical_path"]:
        out.print(f"critical path: {path['start']} to {path['end']}, {path['delay_ns']} ns")
    if report is not None and report.synthesis is not None:
        placed = report.synthesis
        out.print(f"{placed.images_per_second:.0f} images/s at Fmax, {placed.images_per_second_per_klut:.1f} per kLUT")
    else:
        out.print(f"images/s: run 'spikewright compare {show(build)}' for the cycles of an image")
