"""docs/supported.md: the flags that there are, and what the compiler says of these networks on the boards."""

import re
from pathlib import Path

import pytest

from spikewright.compiler.target.structure import FLAGS
from spikewright.flow import supported_page as drawn

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "supported.md").read_text()
RENEW = "python -m spikewright.flow.supported_page > docs/supported.md"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_page_is_renewed():
    assert TEXT.startswith(drawn.HEAD + drawn.boards_head()), RENEW


def test_every_flag_is_listed():
    assert sorted(re.findall(r"`(\w+)`", drawn.HEAD.partition("| flag |")[2].partition("\n\n")[0])) == sorted(FLAGS)


def test_every_network_is_there():
    rows = TEXT.partition(drawn.boards_head())[2].splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(drawn.networks()), RENEW


@pytest.mark.parametrize("name", ["`packages/clutter-digits`", "`packages/spikformer`", "`packages/vgg`", drawn.DENSE])
def test_what_fits(name):
    assert drawn.boards_row(name, drawn.networks()[name]) in TEXT, RENEW
