"""The one entry of the benchmarks, and what it has drawn."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.page import draw
from benchmarks.run import GROUPS

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_rows(group: str) -> None:
    assert callable(import_module(f"benchmarks.{GROUPS[group].module}").rows)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nothing"], "run.py: error: unknown group 'nothing': the groups are reference, "),
        (["cells", "--cell", "nothing:0"], "error: there is no cell 'nothing:0'"),
    ],
)
def test_the_command_line_says_what_is_not_there(words: list[str], error: str, tmp_path: Path) -> None:
    process = subprocess.run([sys.executable, str(RUN), *words], cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode != 0
    assert process.stderr.splitlines()[-1].startswith(error)


def test_the_page_is_that_of_the_rows() -> None:
    assert results.TEXT.read_text() == draw(results.load(), f"![Points lost over what is gone]({results.PLOT.name})")


def test_rows_name_commands_that_are_there() -> None:
    for row in results.load().values():
        for command in row["command"].split(" && "):
            python, script, group, *_ = command.split()
            assert (python, script) == ("python", "benchmarks/run.py")
            assert group in {*GROUPS, "cells"}
