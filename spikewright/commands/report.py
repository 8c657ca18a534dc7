"""The command ``spikewright report``."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, out, show
from spikewright.commands.pages import draw_page, draw_run


class ReportAnswer(CommandAnswer):
    """The page."""

    page: Path = Field(description="The page that was drawn.")
    missing: list[str] = Field(description="What it cannot show, and how to get it.")


@command(ReportAnswer)
def report(
    folder: Annotated[Path, typer.Argument(help="BUILD folder, or the folder of a compression run.")],
) -> ReportAnswer:
    """Draw report.html of a BUILD or of a run again, from what was measured.

    Example: spikewright report build/demo
    """
    from spikewright.view.sources import RUN_LOG, is_build, read_build

    if is_build(folder):
        page, missing = draw_page(folder), read_build(folder).missing(show(folder))
    elif (folder / RUN_LOG).is_file():
        page, missing = draw_run(folder), []
    else:
        raise UserError(
            f"{folder} is neither a BUILD folder nor that of a run: name what 'spikewright generate' or "
            "'spikewright compress' has written"
        )
    for sentence in missing:
        out.print(f"not shown: {sentence}")
    out.print(f"page: {show(page)}")
    return ReportAnswer(page=page, missing=missing)
