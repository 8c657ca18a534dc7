"""What pages are drawn from: refused in one sentence where it is missing, of another version, or of another BUILD."""

import json
import subprocess
import sys

import pytest

from spikewright.errors import PlainError
from spikewright.view.sources import read_build, read_run

LIGHT = """
import sys, time
sys.argv = ["spikewright", "report", {folder!r}]
from spikewright.cli import main
try:
    main()
finally:
    print(sorted({{"torch", "numpy", "amaranth", "matplotlib", "scipy"}} & set(sys.modules)))
"""


def sentence(folder) -> str:
    with pytest.raises(PlainError) as caught:
        read_build(folder)
    return str(caught.value).replace(str(folder), "BUILD")


def test_a_folder_that_is_no_build(tmp_path):
    assert sentence(tmp_path) == "BUILD is not a BUILD folder: make one with 'spikewright generate'"
    (tmp_path / "manifest.json").write_text("{}")
    assert sentence(tmp_path) == "BUILD is not a BUILD folder: make one with 'spikewright generate'"


def test_no_report(generated):
    assert sentence(generated) == "BUILD has no report.json: run 'spikewright compare BUILD' first"


def test_another_versions_report(build):
    (build / "report.json").write_text('{"bit_exact": true}')
    assert "report.json is not a report of this version; run 'spikewright compare BUILD'" in sentence(build)
    (build / "report.json").write_text("[1")
    assert "report.json is not a report of this version; run 'spikewright compare BUILD'" in sentence(build)


def test_another_builds_report(build):
    data = json.loads((build / "report.json").read_text()) | {"build": "0" * 16}
    (build / "report.json").write_text(json.dumps(data))
    assert "report.json is of another BUILD: run 'spikewright compare BUILD'" in sentence(build)


def test_another_versions_traces(build):
    (build / "traces.json").write_text('{"images": []}')
    assert "traces.json is not of this version; run 'spikewright compare BUILD'" in sentence(build)


def test_a_run_that_has_not_ended(tmp_path):
    with pytest.raises(PlainError, match=r"is not the folder of a run that has ended: .*log\.jsonl is missing"):
        read_run(tmp_path)
    for name in ("log.jsonl", "metrics.json", "recipe.yaml"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(PlainError, match="the files of the run are not whole"):
        read_run(tmp_path)


def test_the_command_loads_nothing_heavy(build, tmp_path):
    code = LIGHT.format(folder=str(build))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert (build / "report.html").is_file()
