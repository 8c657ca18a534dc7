"""What all commands share: consoles, progress, and errors that are one sentence."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from spikewright.errors import PlainError

#: Width of tables that do not go to a terminal.
WIDTH = 160

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


class UserError(PlainError):
    """The user asked for something that cannot be; the text is one sentence."""


def sentence(error: BaseException) -> str:
    """The first line of an error's text."""
    return str(error).partition("\n")[0]


def plain_errors(command: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Print an expected error as one sentence and exit with status 1; anything else is a fault of the program."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **options: Arguments.kwargs) -> Returned:
        try:
            return command(*args, **options)
        except KeyboardInterrupt:
            fail("stopped")
        except OSError as error:
            fail(f"{error.filename or 'a file'}: {error.strerror or error}")
        except PlainError as error:
            fail(sentence(error))

    return run


def fail(text: str) -> NoReturn:
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
def progress(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, a line at the start elsewhere; yields the function that takes how many are done."""
    if not err.is_terminal:
        err.print(f"{label} ...")
        yield lambda done: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    columns += [BarColumn(), MofNCompleteColumn()] if total else []
    with Progress(*columns, TimeElapsedColumn(), console=err) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def new_table(*columns: str, title: str | None = None) -> Table:
    """A plain table."""
    return Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")


def single_thread() -> None:
    """The golden model's tensors are small: more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
