"""Documents quote docs/results.json: every figure that names its row is the row's, and every such row is there."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.quotes import OPENS, PAGES, QUOTE, requoted

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
#: What recipes set, and no row measures: average bits that are asked for, and how many times fewer weights.
SET = {"3.67", "33.4"}


@pytest.fixture(scope="module")
def rows():
    return {row["id"]: row for row in json.loads((ROOT / "docs" / "results.json").read_text())}


@pytest.mark.parametrize(("page", "least"), [("README.md", 5), ("docs/findings.md", 70)])
def test_every_quoted_figure_is_its_rows(page, least, rows):
    text = (ROOT / page).read_text()
    assert ROOT / page in PAGES
    assert requoted(text, rows) == text, "python benchmarks/run.py compression puts the figures of the rows"
    assert len(QUOTE.findall(text)) == len(OPENS.findall(text)) >= least


def test_no_finding_has_a_measured_figure_without_its_row():
    prose = re.sub(r"`[^`]+`", "", QUOTE.sub("", (ROOT / "docs" / "findings.md").read_text()))
    assert set(re.findall(r"\d+\.\d+", prose)) <= SET
    assert not re.findall(r"[+-]\d+ ?(?:points|%)", prose)


def test_the_findings_name_every_bar_that_is_not_met(rows):
    text = (ROOT / "docs" / "findings.md").read_text()
    named = re.findall(r"`([^`]+)`", text.partition("Bars that are not met:")[2].partition("\n\n")[0])
    assert sorted(named) == sorted(
        key for key, row in rows.items() if key.startswith("compress") and row["met"] is False
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_row_that_is_named_is_there(document, rows):
    named = set(re.findall(r"`((?:hw|compress)\.[\w.-]+)(?::[\w-]+)?`", document.read_text()))
    assert named <= set(rows)
    assert not re.findall(r"`[23]\.[a-z][\w.-]*`", document.read_text()), "rows are called hw.… and compress.…"
