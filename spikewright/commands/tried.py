"""What a run tried, on the recipe's board: accuracy, cycles and size of every stage's network, as JSON and a plot."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from spikewright.boards.schema import BuildTarget
from spikewright.commands.progress import phases
from spikewright.compress.run.artefacts import to_json
from spikewright.compress.run.stages.run import Run
from spikewright.compress.run.tried import Tried, tried
from spikewright.compress.training.determinism import determinism
from spikewright.echo import printable
from spikewright.files import write_whole
from spikewright.flow.fitting import price


@dataclass(frozen=True)
class Point:
    """A network: validation accuracy in percent; cycles an image, skipping off; stored bits of its ROMs.

    estimated: cycles and bits are the cost model's, because the board does not take the network; refused: why.
    best: no other whose figures come from the same source is at least as good in all three and better in one.
    """

    stage: str
    validation: float
    cycles: int
    bits: int
    estimated: bool = False
    refused: str | None = None
    best: bool = False


@dataclass(frozen=True)
class _Source:
    """Where figures come from, and how their points are drawn."""

    label: str
    marker: str
    colour: str


#: What ``draw`` writes.
FILES = ("tried.json", "tried.svg")

#: By whether they are estimated.
_SOURCES = {
    False: _Source("by the compiler", "o", "tab:blue"),
    True: _Source("estimated by the cost model", "D", "tab:orange"),
}

#: Right and up from its mark where a label stands: neighbours take different corners.
_CORNERS = ((-1, 1), (-1, -1), (1, -1), (1, 1))


def clear(folder: Path) -> None:
    """Remove what ``draw`` wrote, which may be of another board."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def draw(run: Run, folder: Path, board: BuildTarget) -> Path:
    """Write ``FILES`` into the folder of a run that has ended; returns the plot's path."""
    points: list[Point] = []
    with determinism(run.recipe.threads), phases("what was tried") as tell:
        for network in tried(run):
            tell(network.stage)
            points.append(point_of(network, board))
    points = [replace(point, best=is_best(point, points)) for point in points]
    write_whole(folder / FILES[0], to_json([asdict(point) for point in points]).encode())
    plot = folder / FILES[1]
    write_whole(plot, picture(points, f"{run.recipe.name} on {board.name}"))
    return plot


def point_of(network: Tried, board: BuildTarget) -> Point:
    """A network on a board, each in the shape of the engine that suits it."""
    cost = price(network.package, network.work, board)
    estimated = cost.refused is not None
    return Point(network.stage, network.validation, cost.cycles, cost.bits, estimated, cost.refused)


def is_best(point: Point, points: list[Point]) -> bool:
    """Whether the point is on the Pareto front of accuracy, cycles and size, of those compiled or those estimated.

    An estimate is of another shape of the engine: beside the compiler's figures it would say nothing.
    """

    def merits(of: Point) -> tuple[float, int, int]:
        return of.validation, -of.cycles, -of.bits

    alike = [merits(rival) for rival in points if rival.estimated == point.estimated]
    rivals = [rival for rival in alike if rival != merits(point)]
    return not any(all(a >= b for a, b in zip(rival, merits(point), strict=True)) for rival in rivals)


def picture(points: list[Point], title: str) -> bytes:
    """The plot as SVG: accuracy over cycles, the area of a mark its stored bits, the Pareto fronts filled."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    largest = max((point.bits for point in points), default=1)
    for point in points:
        source = _SOURCES[point.estimated]
        axes.scatter(
            point.cycles, point.validation, s=30 + 400 * point.bits / largest, marker=source.marker,
            edgecolors=source.colour, facecolors=source.colour if point.best else "none", alpha=0.6,
        )  # fmt: skip
    for number, point in enumerate(sorted(points, key=lambda point: point.cycles)):
        right, up = _CORNERS[number % len(_CORNERS)]
        axes.annotate(
            f"{point.stage}\n{point.bits / 1024:.0f} Kibit", (point.cycles, point.validation), (4 * right, 4 * up),
            textcoords="offset points", fontsize=7, ha="left" if right > 0 else "right",
            va="bottom" if up > 0 else "top",
        )  # fmt: skip
    for estimated in sorted({point.estimated for point in points}):
        source = _SOURCES[estimated]
        axes.scatter([], [], s=60, marker=source.marker, color=source.colour, alpha=0.6, label=source.label)
    if points:
        axes.legend(fontsize=7, title="filled: on the Pareto front", title_fontsize=7)
    axes.set_title(printable(title), parse_math=False)  # a name is no formula
    axes.set(xlabel="cycles an image, skipping off", ylabel="validation accuracy, %")
    axes.margins(0.15)
    axes.grid(alpha=0.3)
    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "spikewright"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
