"""spikewright compress"""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.commands.common import err, out, plain_errors, show


@plain_errors
def compress(
    recipe: Annotated[Path, typer.Argument(help="Recipe (.yaml).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; an interrupted run continues.")],
) -> None:
    """Train, prune, select tokens and quantise after a recipe; ends in a model package.

    Example: spikewright compress recipes/clutter-digits.yaml -o runs/clutter-digits
    """
    from spikewright.compress.runner import run_recipe

    package = run_recipe(recipe, output, console=err)
    out.print(f"package: {show(package)}")
