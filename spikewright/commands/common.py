"""What all commands share: consoles, progress, and errors that are one sentence."""

import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from spikewright.console import PlainConsole
from spikewright.echo import LONGEST, printable, short
from spikewright.errors import PlainError

#: Width of tables that do not go to a terminal.
WIDTH = 160
#: Bytes of the longest path that a system takes.
LONGEST_PATH = 4096

out = PlainConsole(width=None if sys.stdout.isatty() else WIDTH)
err = PlainConsole(stderr=True, soft_wrap=True)

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


class UserError(PlainError):
    """The user asked for something that cannot be; the text is one sentence."""


def plain_errors(command: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Print an expected error as one sentence and exit with status 1; anything else is a fault of the program."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **options: Arguments.kwargs) -> Returned:
        try:
            for name, value in options.items():
                _check_length(name, value)
            return command(*args, **options)
        except KeyboardInterrupt:
            fail("stopped")
        except OSError as error:
            fail(f"{_subject(error)}{error.strerror or error}")
        except PlainError as error:
            fail(str(error))

    return run


def _check_length(name: str, value: object) -> None:
    """UserError for a text that can be no name: what echoes it need not think of that."""
    if not isinstance(value, str | Path):
        return
    text = os.fsencode(value)
    if len(text) > LONGEST_PATH or max(map(len, text.split(b"/"))) > LONGEST:
        allowed = f"a path has {LONGEST_PATH} at most, and {LONGEST} between two slashes"
        raise UserError(f"{name.upper()}: {short(str(value))!r} has {len(text)} bytes; {allowed}")


def _subject(error: OSError) -> str:
    """What an error is about, to stand before its text; of two files, as in a copy, the one that was to be written."""
    name = error.filename2 or error.filename
    if name is not None:
        return f"{os.fsdecode(name) if isinstance(name, bytes | os.PathLike) else name}: "
    return "the output: " if error.errno in (errno.ENOSPC, errno.EPIPE, errno.EIO) else ""


def fail(text: str) -> NoReturn:
    """Print one sentence and end with status 1."""
    with suppress(OSError):  # the terminal may be gone
        err.print(Text.assemble(("error:", "bold red"), f" {printable(text)}"))
    raise typer.Exit(1)


def heading(name: str, rest: str) -> Text:
    """A line that begins with a name."""
    return Text.assemble((printable(name), "bold"), printable(rest))


def show(path: Path) -> str:
    """A path as the user would type it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def progress(label: str, total: int | None, unit: str = "") -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, a line at the start elsewhere; yields the function that takes how many are done.

    unit: what is counted.
    """
    if not err.is_terminal:
        err.print(f"{label} ...")
        yield lambda done: None
        return
    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    columns += [BarColumn(), MofNCompleteColumn(), TextColumn(unit)] if total else []
    with Progress(*columns, TimeElapsedColumn(), console=err) as bar:
        task = bar.add_task(printable(label), total=total)
        yield lambda done: bar.update(task, completed=done)


def new_table(*columns: str, title: str | None = None) -> Table:
    """A plain table."""
    return Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")


def single_thread() -> None:
    """The golden model's tensors are small: more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
