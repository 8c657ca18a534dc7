"""README can be read in a minute, and no paragraph of the methods is long."""

import re

import pytest
from pages import ROOT


def prose(text: str) -> str:
    """A page without tables, code and pictures."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("|", "!")))


def test_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 90
    assert len(prose(text).split()) <= 600
    assert text.count("![") == 1


@pytest.mark.parametrize("page", ["methods.md"])
def test_paragraphs_are_short(page):
    text = prose((ROOT / "docs" / page).read_text())
    long = [part[:60] for part in re.split(r"\n\s*\n", text) if len(part.split()) > 120]
    assert not long
