"""What a run tried, on the recipe's board: accuracy, cycles and size of every stage's network, as JSON and a plot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from spikewright.boards.schema import Board
from spikewright.commands.common import progress
from spikewright.commands.fitting import fitted
from spikewright.compiler.program import assemble
from spikewright.compress.artefacts import Checkpoints, to_json, write_whole
from spikewright.compress.determinism import determinism
from spikewright.compress.runner import checked
from spikewright.compress.stages.run import Run
from spikewright.compress.tried import Tried, tried


@dataclass(frozen=True)
class Point:
    """A network: validation accuracy in percent; cycles an image, skipping off; stored bits of its ROMs.

    refused: why the accelerator does not take it, where cycles and bits are missing. best: no other is at least as
    good in all three and better in one.
    """

    stage: str
    validation: float
    cycles: int | None = None
    bits: int | None = None
    refused: str | None = None
    best: bool = False


def draw(path: Path, folder: Path, board: Board) -> Path:
    """Write ``tried.json`` and ``tried.svg`` into the folder of a run that has ended; returns the plot's path."""
    recipe, task = checked(path)
    run = Run(recipe, Checkpoints(folder / "stages", recipe), task)
    points: list[Point] = []
    with determinism(recipe.threads), progress("what was tried", None):
        points += [point_of(one, board) for one in tried(run)]
    points = [replace(point, best=is_best(point, points)) for point in points]
    write_whole(folder / "tried.json", to_json([asdict(point) for point in points]).encode())
    plot = folder / "tried.svg"
    write_whole(plot, picture(points, f"{recipe.name} on {board.name}"))
    return plot


def point_of(one: Tried, board: Board) -> Point:
    """A network on a board, each in the shape of the engine that suits it."""
    choice = fitted(one.package, board)
    if isinstance(choice, str):
        return Point(one.stage, one.validation, refused=choice)
    cycles = sum(step.cycles for step in choice.lowered.steps)
    return Point(one.stage, one.validation, cycles, assemble(choice.lowered).rom_bits.total)


def is_best(point: Point, points: list[Point]) -> bool:
    """Whether the point is on the Pareto front of accuracy, cycles and size."""
    if point.cycles is None:
        return False

    def merits(of: Point) -> tuple[float, int, int]:
        return of.validation, -(of.cycles or 0), -(of.bits or 0)

    others = [merits(other) for other in points if other.cycles is not None and merits(other) != merits(point)]
    return not any(all(a >= b for a, b in zip(other, merits(point), strict=True)) for other in others)


def picture(points: list[Point], title: str) -> bytes:
    """The plot as SVG: accuracy over cycles, the area of a dot its stored bits, the Pareto front filled."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    shown = [point for point in points if point.cycles is not None]
    largest = max((point.bits or 0 for point in shown), default=1)
    for point in shown:
        assert point.cycles is not None
        assert point.bits is not None
        axes.scatter(
            point.cycles, point.validation, s=30 + 400 * point.bits / largest, edgecolors="tab:blue",
            facecolors="tab:blue" if point.best else "none", alpha=0.6,
        )  # fmt: skip
        axes.annotate(f" {point.stage}\n {point.bits / 1024:.0f} Kibit", (point.cycles, point.validation), fontsize=7)
    axes.set(title=title, xlabel="cycles an image, skipping off", ylabel="validation accuracy, %")
    axes.margins(0.15)
    axes.grid(alpha=0.3)
    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "spikewright"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
