"""The command ``spikewright generate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikewright.boards.registry import load_board
from spikewright.commands.common import out, plain_errors, progress, show

if TYPE_CHECKING:
    from spikewright.compiler.fit import ShapeRequest


def run_generate(package: Path, board: str, output: Path, request: "ShapeRequest | None" = None) -> str:
    """Generate and say what was chosen; returns the hash of the BUILD's manifest."""
    from spikewright.flow.generate import generate as generate_build

    with progress("generate", None):
        build = generate_build(package, board, output, request)
    out.print(build.program["choice"]["reason"])
    out.print(f"{len(build.roms)} ROM images, {build.program['predicted_cycles']} cycles predicted: {show(output)}/")
    return build.manifest_hash


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
    load_board(board)  # an unknown one is told before anything heavy is imported
    from spikewright.compiler.fit import ShapeRequest

    run_generate(package, board, output, ShapeRequest(lanes, banks, streams, skip=skip))
