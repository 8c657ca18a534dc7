"""The command ``spikewright generate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from spikewright.boards.registry import load_board
from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, out, show
from spikewright.commands.completion import board_names
from spikewright.commands.packages import package_file
from spikewright.commands.progress import phases

if TYPE_CHECKING:
    from spikewright.compiler.fit import ShapeRequest


class GenerateAnswer(CommandAnswer):
    """What was generated."""

    build: Path = Field(description="The BUILD folder.")
    manifest: str = Field(description="SHA-256 of its manifest.")
    board: str = Field(description="The board.")
    choice: str = Field(description="The shape and why it was chosen.")
    shape: dict[str, Any] = Field(description="The shape: token slots, steps, banks, streams, skipping.")
    predicted_cycles: int = Field(description="Cycles of an image, without skipping.")
    roms: int = Field(description="ROM images written.")
    check: dict[str, Any] | None = Field(
        description="What the check of the program has shown: `images`, `values`, `source`, `silent`; null where it "
        "was off."
    )


def run_generate(
    package: Path,
    board: str,
    output: Path,
    request: "ShapeRequest | None" = None,
    *,
    checked: bool = True,
    check_images: Path | None = None,
) -> GenerateAnswer:
    """Generate and say what was chosen, and what the check has shown."""
    from spikewright.commands.images import from_file
    from spikewright.flow.check import CheckReport
    from spikewright.flow.generate import generate as generate_build
    from spikewright.models.package import read_package

    images = from_file(read_package(package), check_images) if check_images else None
    with phases("generate") as tell:
        build = generate_build(package, board, output, request, checked=checked, images=images, say=tell)
    answer = GenerateAnswer(
        build=output,
        manifest=build.manifest_hash,
        board=build.board.name,
        choice=build.program["choice"]["reason"],
        shape=build.structure.to_dict()["shape"],
        predicted_cycles=build.program["predicted_cycles"],
        roms=len(build.roms),
        check=None if build.check is None else dict(build.check),
    )
    out.print(answer.choice)
    out.print(CheckReport.from_dict(build.check).sentence() if build.check else "the program was not checked")
    out.print(f"{answer.roms} ROM images, {answer.predicted_cycles} cycles predicted: {show(output)}/")
    return answer


@command(GenerateAnswer)
def generate(
    package: Annotated[Path, typer.Argument(help="Model package (.safetensors), or its folder.")],
    board: Annotated[
        str, typer.Option(help="Board to build for; 'spikewright boards' lists them.", autocompletion=board_names)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="BUILD folder to write.")],
    lanes: Annotated[int | None, typer.Option(help="Lanes of a word: 2 to 256 tokens x 4 time steps.")] = None,
    banks: Annotated[int | None, typer.Option(help="Channel banks, 1 to 16: spike words a cycle.")] = None,
    streams: Annotated[int | None, typer.Option(help="Output channels at once, 1 or 2.")] = None,
    skip: Annotated[bool, typer.Option(help="Skip silent words and empty bit-planes at run time.")] = True,
    check: Annotated[bool, typer.Option(help="Run the program on images, and compare every value, first.")] = True,
    check_images: Annotated[Path | None, typer.Option(help="Images (.npy) to check it on.")] = None,
) -> GenerateAnswer:
    """Compile a package into a BUILD folder: Verilog, ROM images, program.

    Example: spikewright generate packages/clutter-digits/package.safetensors --board ulx3s-85f -o build/mine
    """
    load_board(board)  # an unknown one is told before anything heavy is imported
    if check_images is not None and not check:
        raise UserError("give --check-images or --no-check, not both")
    from spikewright.compiler.fit import ShapeRequest

    request = ShapeRequest(lanes, banks, streams, skip=skip)
    return run_generate(package_file(package), board, output, request, checked=check, check_images=check_images)
