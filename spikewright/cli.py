"""The command line: spikewright COMMAND."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from spikewright import __version__
from spikewright.children import signals, stopped
from spikewright.commands.boards import boards
from spikewright.commands.campaign import campaign
from spikewright.commands.compare import compare
from spikewright.commands.compress import compress
from spikewright.commands.demo import demo
from spikewright.commands.examples import examples
from spikewright.commands.generate import generate
from spikewright.commands.import_ import import_
from spikewright.commands.info import info
from spikewright.commands.report import report
from spikewright.commands.simulate import simulate
from spikewright.commands.synthesize import synthesize
from spikewright.echo import printable


@contextmanager
def _plain_usage() -> Iterator[None]:
    try:
        yield
    except typer.BadParameter.__base__ as error:  # type: ignore[misc]  # wrong usage of any kind
        error.message = printable(error.message)
        raise


class Commands(TyperGroup):
    """The commands; what was typed wrong is shown as text, too."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        with _plain_usage():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        with _plain_usage():
            return super().invoke(ctx)


app = typer.Typer(
    name="spikewright",
    cls=Commands,
    help="A trained spiking transformer goes in, a verified FPGA accelerator comes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    compress, import_, info, generate, simulate, compare, report, synthesize, boards, demo, examples, campaign
)  # fmt: skip
for command in COMMANDS:
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spikewright {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """A trained spiking transformer goes in, a verified FPGA accelerator comes out."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # no encoding of a terminal stops a command
            stream.reconfigure(errors="backslashreplace")
    try:
        with signals():
            app()
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # nobody reads, or the disk is full: it was told, and is not told again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if stopped():
            os._exit(1)  # to take torch apart takes half a second, and seconds on a busy machine
