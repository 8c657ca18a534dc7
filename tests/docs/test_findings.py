"""docs/findings.md quotes docs/results.json: every figure that names its row is the row's."""

import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_quoted_figure_is_its_rows():
    text = " ".join((DOCS / "findings.md").read_text().split())
    values = {row["id"]: row["value"] for row in json.loads((DOCS / "results.json").read_text())}
    quoted = re.findall(r"([+-]?\d[\d.]*)[^`()\d]*\(`(3\.[^`]+)`\)", text)
    assert len(quoted) == text.count("(`3.") > 20
    wrong = {key: (figure, values.get(key)) for figure, key in quoted if float(figure) != values.get(key)}
    assert not wrong
