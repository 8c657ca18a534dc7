"""spikewright compress"""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from spikewright.commands.common import UserError, err, out, plain_errors, show


@plain_errors
def compress(
    recipe: Annotated[Path, typer.Argument(help="Recipe (.yaml).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; an interrupted run continues.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show order, epochs, expected size, work and cycles, and the time.")
    ] = False,
) -> None:
    """Train, prune, select tokens and quantise after a recipe; ends in a model package.

    Example: spikewright compress recipes/clutter-digits.yaml -o runs/clutter-digits
    """
    from spikewright.boards.registry import load_board
    from spikewright.compress.parallel import is_first
    from spikewright.compress.recipe import load_recipe

    target = load_recipe(recipe).target
    board = None if target is None else load_board(target.board)  # an unknown one is refused before training
    out.quiet = not is_first()  # under torchrun all processes train, one speaks
    if not dry_run and output is None:
        raise UserError("--output is missing: the folder of the run (or --dry-run, which writes nothing)")
    if dry_run:
        from spikewright.commands.dry_run import rehearse

        rehearse(recipe, board)
        return
    from spikewright.commands.described import check_described
    from spikewright.compress.runner import run_recipe

    assert output is not None
    package = run_recipe(recipe, output, console=err, witness=check_described)
    out.print(f"package: {escape(show(package))}")
    if board is not None and is_first():
        from spikewright.commands.tried import draw

        out.print(f"tried: {escape(show(draw(recipe, output, board)))}")
