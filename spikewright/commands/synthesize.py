"""The command ``spikewright synthesize``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, new_table, out, show
from spikewright.commands.pages import draw_page
from spikewright.commands.progress import phases


class SynthesizeAnswer(CommandAnswer):
    """The placed design."""

    synthesis: dict[str, Any] = Field(
        description="What `synthesis.json` of the BUILD holds: board, part, seed, cells used and there, `fmax_mhz`, "
        "`clock_mhz`, `meets_clock`, the critical path, the floorplan."
    )
    images_per_second: float | None = Field(description="Images a second at Fmax; null before a comparison.")
    page: Path | None = Field(description="The page, drawn again; null before a comparison.")


@command(SynthesizeAnswer)
def synthesize(
    build: Annotated[Path, typer.Argument(help="BUILD folder.")],
    seed: Annotated[int, typer.Option(help="Seed of the placer.")] = 1,
) -> SynthesizeAnswer:
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
        with phases("synthesize") as tell:
            result = synthesize_build(opened, seed=seed, tell=tell)
        add_synthesis(opened)
        report = read_report(opened.path)
        page = None if report is None else draw_page(opened.path)
    table = new_table("resource", "used", "there", title=f"{result['board']} ({result['part']})")
    for name in ("lut", "ff", "block_ram", "dsp"):
        table.add_row(name, str(result[name]["used"]), str(result[name]["available"]))
    out.print(table)
    verdict = "meets" if result["meets_clock"] else "misses"
    out.print(f"Fmax {result['fmax_mhz']:.1f} MHz: {verdict} the board's clock of {result['clock_mhz']:g} MHz")
    if path := result["critical_path"]:
        out.print(f"critical path: {path['start']} to {path['end']}, {path['delay_ns']} ns")
    rate = None
    if report is not None and report.synthesis is not None:
        rate = report.synthesis.images_per_second
        per_klut = report.synthesis.images_per_second_per_klut
        out.print(f"{rate:.0f} images/s at Fmax, {per_klut:.1f} per kLUT")
        out.print(f"page: {show(build / 'report.html')}")
    else:
        out.print(f"images/s: run 'spikewright compare {show(build)}' for the cycles of an image")
    return SynthesizeAnswer(synthesis=result, images_per_second=rate, page=page)
