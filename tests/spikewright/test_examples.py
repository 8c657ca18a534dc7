"""``spikewright examples``: what ships is listed, and copied whole or not at all."""

import hashlib

import pytest

from spikewright.gallery import FILES, PACKAGES, SCRIPT, shipped


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_all_are_listed(run):
    printed = run("examples").output
    assert len(shipped()) >= 6
    assert all(name in printed for name in shipped())


def test_one_is_copied(run, tmp_path):
    result = run("examples", "event", "-o", "mine")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {*FILES, SCRIPT.name}
    for name in FILES:
        copied, own = ((folder / name).read_bytes() for folder in (tmp_path / "mine", PACKAGES / "event"))
        assert hashlib.sha256(copied).digest() == hashlib.sha256(own).digest()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert "spikewright generate mine/package.safetensors" in result.output


def test_it_runs_by_its_name(run):
    assert "event" in run("info", "event").output
    assert run("info", "event").output == run("info", PACKAGES / "event").output


def test_what_must_fail(refused, tmp_path):
    known = ", ".join(shipped())
    assert (
        refused("examples", "nothing", "-o", "x") == f"there is no example 'nothing': name one of the examples, {known}"
    )
    assert refused("examples", "event") == "--output is missing: the folder to copy event into"
    assert (
        refused("examples", "-o", "x") == "--output goes with the name of an example; 'spikewright examples' lists them"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert refused("examples", "event", "-o", "full") == "full is a folder with other things in it: name a new one"
    assert refused("examples", "event", "-o", "full/file") == "full/file is a file or a link: name a new folder"
    assert {path.name for path in tmp_path.iterdir()} == {"full"}
