"""report.html of a compression run, from the committed logs."""

import shutil
from pathlib import Path

import pytest

from spikewright.gallery import shipped
from spikewright.view.run_page import run_page
from spikewright.view.sources import read_run
from spikewright.view.verify import faults, values


@pytest.mark.parametrize("name", shipped())
def test_every_number_is_the_runs(name, tmp_path):
    folder = Path(shutil.copytree(shipped()[name], tmp_path / name))
    page = run_page(read_run(folder))
    assert faults(page, folder) == []
    assert len(page) < 3 << 20
    origins = list(values(page))
    assert "metrics.json#/accuracy/quantised/correct" in origins
    assert any(origin.startswith("log.jsonl#/") and origin.endswith("/loss") for origin in origins)
    assert ("tried.json" in " ".join(origins)) == (folder / "tried.json").is_file()
