"""The command line: spikewright COMMAND."""

import typer

from spikewright import __version__
from spikewright.commands.boards import boards
from spikewright.commands.campaign import campaign
from spikewright.commands.compare import compare
from spikewright.commands.compress import compress
from spikewright.commands.demo import demo
from spikewright.commands.generate import generate
from spikewright.commands.info import info
from spikewright.commands.simulate import simulate
from spikewright.commands.synthesize import synthesize

app = typer.Typer(
    name="spikewright",
    help="A trained spiking transformer goes in, a verified FPGA accelerator comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (compress, info, generate, simulate, compare, synthesize, boards, demo, campaign):
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
    app()
