"""What all commands share: consoles, tables, paths as they are shown."""

import sys
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from spikewright.console import PlainConsole
from spikewright.echo import printable
from spikewright.errors import PlainError

#: Width of tables that do not go to a terminal.
WIDTH = 160

#: What a command found; how far it is; and why it ended, which no option keeps quiet.
out = PlainConsole(width=None if sys.stdout.isatty() else WIDTH)
err = PlainConsole(stderr=True, soft_wrap=True)
errors = PlainConsole(stderr=True, soft_wrap=True)


class UserError(PlainError):
    """The user asked for something that cannot be; the text is one sentence."""


def heading(name: str, rest: str) -> Text:
    """A line that begins with a name."""
    return Text.assemble((printable(name), "bold"), printable(rest))


def show(path: Path) -> str:
    """A path as the user would type it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def new_table(*columns: str, title: str | None = None) -> Table:
    """A plain table."""
    return Table(*columns, title=title, box=SIMPLE_HEAD, pad_edge=False, title_justify="left")


def single_thread() -> None:
    """The golden model's tensors are small: more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
