"""spikewright generate"""

from pathlib import Path
from typing import Annotated, Any

import typer

from spikewright.commands.common import out, plain_errors, progress, show


def run_generate(package: Path, board: str, output: Path, **shape: Any) -> None:
    """Generate and say what was chosen."""
    from spikewright.sim.build_folder import generate as make

    with progress("generate", None):
        made = make(package, board, output, **shape)
    out.print(made.program["choice"]["reason"])
    out.print(f"{len(made.roms)} ROM images, {made.program['predicted_cycles']} cycles predicted: {show(output)}/")


@plain_errors
def generate(
    package: Annotated[Path, typer.Argument(help="Model package (.safetensors).")],
    board: Annotated[str, typer.Option(help="Board to build for; 'spikewright boards' lists them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="BUILD folder to write.")],
    lanes: Annotated[int | None, typer.Option(help="Lanes of a word: tokens x 4 time steps.")] = None,
    banks: Annotated[int | None, typer.Option(help="Channel banks: spike words a cycle.")] = None,
    streams: Annotated[int | None, typer.Option(help="Output channels at once, 1 or 2.")] = None,
    skip: Annotated[bool, typer.Option(help="Skip silent words and empty bit-planes at run time.")] = True,
) -> None:
    """Compile a package into a BUILD folder: Verilog, ROM images, program.

    Example: spikewright generate packages/clutter-digits/package.safetensors --board ulx3s-85f -o build/mine
    """
    run_generate(package, board, output, lanes=lanes, banks=banks, streams=streams, skip=skip)
