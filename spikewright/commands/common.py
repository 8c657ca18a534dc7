"""What all commands share: consoles, progress, and errors that are one sentence."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

#: Width of tables that do not go to a terminal.
WIDTH = 160

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Command = TypeVar("Command", bound=Callable[..., Any])


class UserError(ValueError):
    """The user asked for something that cannot be; the text is one sentence."""


def _expected() -> tuple[type[BaseException], ...]:
    """Errors whose text was written for users."""
    from spikewright.boards.registry import BoardError
    from spikewright.boards.report import ReportError
    from spikewright.boards.synthesis import SynthesisError
    from spikewright.compiler.fit import FitError
    from spikewright.compiler.ir import IRError
    from spikewright.compiler.lowered import LoweringError
    from spikewright.compiler.program import StructureError
    from spikewright.compress.factory import FactoryError
    from spikewright.compress.guided import ThresholdError
    from spikewright.compress.masks import MaskError
    from spikewright.compress.recipe import RecipeError
    from spikewright.compress.training import TrainingError
    from spikewright.models.data import DataError
    from spikewright.models.formats.errors import FormatError
    from spikewright.models.package import PackageError
    from spikewright.sim.build_folder import BuildFolderError
    from spikewright.sim.golden import GoldenError
    from spikewright.sim.trace import TraceError
    from spikewright.sim.verilator import BenchError, BuildError
    from spikewright.toolchain import ToolError

    return (
        BoardError, ReportError, SynthesisError, FitError, IRError, LoweringError, StructureError, PackageError,
        BuildFolderError, GoldenError, ToolError, TraceError, BenchError, BuildError, UserError, RecipeError, MaskError,
        TrainingError, ThresholdError, FactoryError, DataError, FormatError,
    )  # fmt: skip


def sentence(error: BaseException) -> str:
    """The first line of an error's text."""
    return str(error).partition("\n")[0]


def plain_errors(command: Command) -> Command:
    """Print an expected error as one sentence and exit with status 1; anything else is a fault of the program."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except KeyboardInterrupt:
            fail("stopped")
        except OSError as error:
            fail(f"{error.filename or 'a file'}: {error.strerror or error}")
        except Exception as error:
            if isinstance(error, _expected()):
                fail(sentence(error))
            raise

    return run  # type: ignore[return-value]


def fail(text: str) -> None:
    """Print one sentence and end with status 1."""
    err.print(f"[bold red]error:[/] {escape(text)}")
    raise typer.Exit(1)


def show(path: Path) -> str:
    """A path as the user would type it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, a line at the start elsewhere; yields the function that is told what is done."""
    if not err.is_terminal:
        err.print(f"{what} ...")
        yield lambda done: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    columns += [BarColumn(), MofNCompleteColumn()] if total else []
    with Progress(*columns, TimeElapsedColumn(), console=err) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table."""
    return Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")


def single_thread() -> None:
    """The golden model's tensors are small: more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
