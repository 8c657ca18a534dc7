"""What scripts rely on: --json is one document whose keys are documented, --quiet is silence, statuses, completion."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from spikewright.cli import app
from spikewright.commands.command import EXIT_STATUS
from spikewright.commands.page import page
from spikewright.flow.keys import keys
from spikewright.sim.stimulus.random_networks import random_images

ROOT = Path(__file__).parents[2]
ANSWERS = {command.callback.__name__: command.callback.answers for command in app.registered_commands}
#: Of the dense teacher that is committed; the file to write stands behind it.
IMPORT = [
    "import", str(ROOT / "packages" / "digits" / "dense.safetensors"), "--calibrate", "digits", "--images", "8",
    "--steps", "4", "--heads", "4", "--mean", "0.3", "--std", "0.01", "-o",
]  # fmt: skip
RECIPE = """
name: tiny
data: digits
model: {family: spikformer, height: 16, width: 16, dim: 16, depth: 1, heads: 2, mlp_ratio: 2, pools: [1, 2]}
training: {batch: 32}
teacher: {epochs: 1}
constraints: {quantisers: {layers: {"*": {scheme: uniform, bits: 4}}, epochs: 1}}
"""


@pytest.fixture(scope="module")
def words(generated, spec, tmp_path_factory):
    """Command → words that let it do its work on something small."""
    folder = tmp_path_factory.mktemp("scripts")
    spec_images = folder / "images.npy"
    np.save(spec_images, random_images(2, 2, spec))
    (folder / "recipe.yaml").write_text(RECIPE)
    package, build = str(generated / "package.safetensors"), shutil.copytree(generated / "BUILD", folder / "BUILD")
    compared = CliRunner().invoke(app, ["compare", str(build), "--input", str(spec_images)])
    assert compared.exit_code == 0, compared.output  # so that there is something to report
    build = str(build)
    shape = ["--lanes", "16", "--banks", "2", "--streams", "1"]
    known = {
        "compress": ["compress", str(folder / "recipe.yaml"), "--dry-run"],
        "import": [*IMPORT, str(folder / "own" / "imported.safetensors")],
        "info": ["info", package],
        "generate": ["generate", package, "--board", "ulx3s-25f", *shape, "-o", str(folder / "made")],
        "simulate": ["simulate", build, "--input", str(spec_images)],
        "compare": ["compare", build, "--input", str(spec_images)],
        "report": ["report", build],
        "synthesize": ["synthesize", build],
        "boards": ["boards"],
        "demo": ["demo", "digits", "--images", "2", "-o", str(folder / "demo")],
        "examples": ["examples"],
        "campaign": ["campaign", "--graphs", "1", "--workers", "1", "-o", str(folder / "campaign")],
    }
    assert set(known) == set(ANSWERS), "a new command needs its words here"
    return known


#: All commands; two take minutes.
COMMANDS = [
    pytest.param(name, marks=(pytest.mark.slow, pytest.mark.timeout(3000)) if name in ("demo", "synthesize") else ())
    for name in ANSWERS
]


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_one_document_of_documented_keys(command, words, run):
    result = run(*words[command], "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert set(document) == set(ANSWERS[command].model_fields)
    ANSWERS[command].model_validate(document)


@pytest.mark.parametrize("command", COMMANDS)
def test_quiet_says_nothing_but_errors(command, words, run):
    result = run(*words[command], "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_an_error_is_a_document_too(run, tmp_path):
    result = run("info", tmp_path / "absent.safetensors", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == result.stderr.strip().removeprefix("error: ")
    quiet = run("info", tmp_path / "absent.safetensors", "--json", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (result.stdout, result.stderr)


def test_a_name_that_is_no_unicode(run, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    result = run("info", tmp_path / name, "--json")
    assert "caf\\udce9" in json.loads(result.stdout)["error"]
    done = run("examples", "event", "-o", tmp_path / name, "--json")
    assert done.exit_code == 0, done.output
    assert os.fsencode(json.loads(done.stdout)["folder"]) == os.fsencode(tmp_path / name)


def test_statuses(run, tmp_path):
    assert set(EXIT_STATUS) == {0, 1, 2}
    assert run("boards").exit_code == 0
    assert run("info", tmp_path / "absent").exit_code == 1
    wrong = run("boards", "--jsn")
    assert (wrong.exit_code, wrong.stdout) == (2, "")


@pytest.mark.parametrize(("typed", "offered"), [
    ("spikewright ", set(ANSWERS)), ("spikewright generate --board ulx3s-", {"ulx3s-25f", "ulx3s-45f", "ulx3s-85f"}),
    ("spikewright demo ev", {"event"}), ("spikewright examples mn", {"mnist"}),
])  # fmt: skip
def test_completion(typed, offered):
    count = str(len(typed.split()) - (not typed.endswith(" ")))
    env = os.environ | {"_SPIKEWRIGHT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": count}
    code = "import sys; sys.argv = ['spikewright']; from spikewright.cli import app; app(prog_name='spikewright')"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert offered <= set(done.stdout.split()), done.stderr


def test_the_page_is_drawn():
    assert (ROOT / "docs" / "commands.md").read_text() == page(), (
        "python -m spikewright.commands.page > docs/commands.md"
    )


def test_every_key_has_a_sentence():
    for answers in ANSWERS.values():
        assert all(meaning.endswith(".") for _, meaning in keys(answers))
