"""The command ``spikewright compress``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, err, out, show
from spikewright.commands.progress import phases


class CompressAnswer(CommandAnswer):
    """What a run made, or with --dry-run what it would."""

    run: Path | None = Field(description="The run's folder; null with `--dry-run`.")
    package: Path | None = Field(description="The package; null with `--dry-run`.")
    metrics: dict[str, Any] | None = Field(description="What `metrics.json` of the run holds; null with `--dry-run`.")
    plots: list[Path] = Field(description="Plots that were drawn.")
    page: Path | None = Field(description="The page that shows the run; null with `--dry-run`.")
    dry_run: dict[str, Any] | None = Field(
        description="With `--dry-run`: `stages` (epochs by stage), `weights`, `kept`, `average_bits`, `compression`, "
        "`gflops`, `gflops_dense`, `cycles`, `estimated` (whether the cycles are the cost model's), `board`, `shape`, "
        "`seconds`."
    )


@command(CompressAnswer)
def compress(
    recipe: Annotated[Path, typer.Argument(help="Recipe (.yaml).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; an interrupted run continues.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show order, epochs, expected size, work and cycles, and the time.")
    ] = False,
) -> CompressAnswer | None:
    """Train, prune, select tokens and quantise after a recipe; ends in a model package.

    Example: spikewright compress recipes/clutter-digits.yaml -o runs/clutter-digits
    """
    from spikewright.boards.registry import BoardError, load_board
    from spikewright.compress.recipe.reading import load_recipe
    from spikewright.compress.training.parallel import is_first

    target = load_recipe(recipe).target
    try:  # an unknown board is refused before training
        board = None if target is None else load_board(target.board)
    except BoardError as error:
        raise UserError(f"{recipe}: target.board: {error}") from None
    out.quiet = out.quiet or not is_first()  # under torchrun all processes train, one speaks
    if not dry_run and output is None:
        raise UserError("--output is missing: the folder of the run (or --dry-run, which writes nothing)")
    if dry_run:
        from spikewright.commands.dry_run import rehearse

        expected = rehearse(recipe, board)
        if not is_first():
            return None
        return CompressAnswer(run=None, package=None, metrics=None, plots=[], page=None, dry_run=expected)
    from spikewright.commands.described import check_described
    from spikewright.commands.pages import draw_run
    from spikewright.commands.tried import clear, draw
    from spikewright.compress.recipe.schema import Recipe
    from spikewright.compress.run.runner import run_recipe
    from spikewright.compress.run.stages.run import Run
    from spikewright.flow.fitting import fitted
    from spikewright.flow.json_files import read_json
    from spikewright.models.package import Package
    from spikewright.models.task import Task

    assert output is not None
    folder, plots = output, []
    goes_on = any((folder / "stages").glob("*.safetensors"))

    def witness(recipe: Recipe, task: Task, expected: Package) -> None:
        check_described(recipe, task)
        if board is None or not is_first() or goes_on:
            return
        with phases(f"what {board.name} takes"):  # told now, not after hours
            refused = fitted(expected, board)
        if isinstance(refused, str):
            err.print(f"note: {board.name} is not expected to take the network: {refused}")

    def after(run: Run) -> None:
        clear(folder)  # what an earlier run drew, for another board perhaps
        if board is not None:
            plots.append(draw(run, folder, board))

    package = run_recipe(recipe, folder, console=err, witness=witness, after=after)
    out.print(f"package: {show(package)}")
    for plot in plots:
        out.print(f"tried: {show(plot)}")
    if not is_first():
        return None
    page = draw_run(folder)
    out.print(f"to look at: {show(page)}")
    metrics = read_json(folder / "metrics.json")
    return CompressAnswer(run=folder, package=package, metrics=metrics, plots=plots, page=page, dry_run=None)
