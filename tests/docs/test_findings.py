"""README and docs/findings.md quote docs/results.json: every figure that names its row is the row's."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("page", "least"), [("README.md", 5), ("docs/findings.md", 20)])
def test_every_quoted_figure_is_its_rows(page, least):
    text = " ".join((ROOT / page).read_text().split())
    values = {row["id"]: row["value"] for row in json.loads((ROOT / "docs" / "results.json").read_text())}
    quoted = re.findall(r"([+-]?\d[\d.]*)[^`()\d]*\(`(3\.[^`]+)`\)", text)
    assert len(quoted) == text.count("(`3.") >= least
    wrong = {key: (figure, values.get(key)) for figure, key in quoted if float(figure) != values.get(key)}
    assert not wrong
