"""docs/supported.md is what refuses: sentences of the compiler, and what it says of these networks on the boards."""

from pathlib import Path

import pytest

from spikewright.compiler.front import limits
from spikewright.flow import supported_page as drawn

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "supported.md").read_text()
RENEW = "python -m spikewright.flow.supported_page > docs/supported.md"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_every_refusal_is_there():
    assert TEXT.startswith(drawn.HEAD + drawn.limits_table() + drawn.BOARDS + drawn.boards_head()), RENEW


def test_every_limit_is_listed():
    named = [value for value in vars(limits).values() if isinstance(value, limits.Limit)]
    assert tuple(named) == limits.LIMITS


def test_every_network_is_there():
    rows = TEXT.partition(drawn.boards_head())[2].splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(drawn.networks()), RENEW


@pytest.mark.parametrize("name", ["`packages/clutter-digits`", "`packages/spikformer`", "`packages/vgg`", drawn.DENSE])
def test_what_fits(name):
    assert drawn.boards_row(name, drawn.networks()[name]) in TEXT, RENEW
