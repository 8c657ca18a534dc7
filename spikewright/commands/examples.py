"""The command ``spikewright examples``."""

import json
import os
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import Field
from rich.table import Table

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, new_table, out, show
from spikewright.commands.completion import example_names
from spikewright.commands.packages import one_of_the_shipped
from spikewright.echo import quoted
from spikewright.gallery import FILES, METRICS, PACKAGE, RECIPE, SCRIPT, shipped
from spikewright.scratch import scratch


class ExamplesAnswer(CommandAnswer):
    """The examples, or what was copied of one."""

    examples: dict[str, dict[str, Any]] = Field(
        description="Without a name: each example's `network`, `data`, right answers of the dense network (`float`) "
        "and of the package (`quantised`) as `{correct, count}`, and `bytes` of the package."
    )
    folder: Path | None = Field(description="Where one was copied; null without a name.")
    files: list[str] = Field(description="Files that were copied.")


@command(ExamplesAnswer)
def examples(
    name: Annotated[str | None, typer.Argument(help="The example to copy.", autocompletion=example_names)] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to copy it into; a new one.")] = None,
) -> ExamplesAnswer:
    """List the trained networks that ship, or copy one: package, recipe, log, metrics and a script.

    Example: spikewright examples event -o mine
    """
    if name is None:
        if output is not None:
            raise UserError("--output goes with the name of an example; 'spikewright examples' lists them")
        known = {each: about(folder) for each, folder in shipped().items()}
        out.print(_table(known))
        out.print("spikewright demo NAME runs one; spikewright examples NAME -o DIR copies its files")
        return ExamplesAnswer(examples=known, folder=None, files=[])
    if name not in shipped():
        raise UserError(f"there is no example {quoted(name)}: name {one_of_the_shipped()}")
    if output is None:
        raise UserError(f"--output is missing: the folder to copy {name} into")
    _copy(shipped()[name], output)
    out.print(f"{', '.join([*FILES, SCRIPT.name])}: {show(output)}/")
    out.print(f"next: spikewright generate {show(output / PACKAGE)} --board ulx3s-85f -o build/{name}")
    out.print(f"      spikewright compare build/{name} --images 32")
    return ExamplesAnswer(examples={}, folder=output, files=[*FILES, SCRIPT.name])


def _copy(folder: Path, output: Path) -> None:
    """Copy an example whole or not at all; UserError where anything is in the place."""
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise UserError(f"{output} is a file or a link: name a new folder")
    if output.is_dir() and any(output.iterdir()):
        raise UserError(f"{output} is a folder with other things in it: name a new one")
    with scratch(Path(os.path.realpath(output)).parent, blame=output) as temporary:
        whole = temporary / "example"
        whole.mkdir()
        for file in (*(folder / each for each in FILES), SCRIPT):
            shutil.copyfile(file, whole / file.name)
        whole.rename(output)


def _table(known: dict[str, dict[str, Any]]) -> Table:
    table = new_table("example", "network", "data set", "float", "package", "kB")
    for name, row in known.items():
        right = (f"{row[rung]['correct']}/{row[rung]['count']}" for rung in ("float", "quantised"))
        table.add_row(name, row["network"], row["data"], *right, str(row["bytes"] // 1000))
    return table


def about(folder: Path) -> dict[str, Any]:
    """What is known of an example without reading its package.

    network: family and size; data: the data set; float, quantised: right answers of the dense network and of the
    package, ``{correct, count}`` over the test images; bytes: of the package.
    """
    metrics = json.loads((folder / METRICS).read_text())
    model = yaml.safe_load((folder / RECIPE).read_text())["model"]
    size = f"{model['depth']} blocks of {model['dim']}" if "dim" in model else f"width {model['width_factor']:g}"
    return {
        "network": f"{model['family']}, {size}",
        "data": metrics["data"],
        **metrics["accuracy"],
        "bytes": (folder / PACKAGE).stat().st_size,
    }
