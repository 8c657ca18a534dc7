"""-o: a BUILD stands there whole, or everything is as it was and one sentence says why."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from spikewright.flow import generate
from spikewright.flow.build_folder import MANIFEST, open_build, reading
from spikewright.flow.generate import _put
from spikewright.scratch import PREFIX

NEW = "name a new one, or a BUILD to replace"


@pytest.fixture
def words(generated, quick):
    shape = ["--lanes", 16, "--banks", 2, "--streams", 1]
    return ["generate", generated / "package.safetensors", "--board", "ulx3s-25f", *shape, "-o"]


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_link_is_followed_and_stays(words, build, run, tmp_path):
    link, other = tmp_path / "link", tmp_path / "elsewhere" / "BUILD"
    link.symlink_to(build)
    (build / "report.json").write_text("{}")
    assert run(*words, link).exit_code == 0
    assert link.is_symlink()
    assert link.resolve() == build
    assert not (build / "report.json").exists()
    open_build(link)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(other)
    assert run(*words, dangling).exit_code == 0
    assert os.readlink(dangling) == str(other)
    open_build(other)
    assert {path.name for path in tmp_path.iterdir()} == {"BUILD", "link", "elsewhere", "dangling"}
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    result = run(*words, loop)
    assert (result.exit_code, loop.is_symlink()) == (1, True)


@pytest.mark.parametrize("command", ["generate", "demo"])
def test_the_folder_one_is_in(command, words, build, run, tmp_path, monkeypatch):
    if command == "demo":
        words = ["demo", words[1], "-o"]
    before = contents(tmp_path)
    empty = tmp_path / "empty"
    for here, outs in ((empty, [".", empty, ".."]), (build, [".", build, "../BUILD"]), (build / "roms", [".."])):
        here.mkdir(exist_ok=True)
        monkeypatch.chdir(here)
        for out in outs:
            result = run(*words, out)
            sentence = f"{out} is the folder you are in, or holds it, and cannot be replaced whole: {NEW}"
            assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, f"error: {sentence}")
    assert contents(tmp_path) == before | {"empty": None}


def test_a_mount_point(words, refused, tmp_path, monkeypatch):
    monkeypatch.setattr(generate.os.path, "ismount", lambda path: path == tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    sentence = refused(*words, tmp_path / "disk")
    assert sentence == f"{tmp_path / 'disk'} is a mount point, which cannot be replaced whole: name a folder in it"
    assert [path.name for path in tmp_path.iterdir()] == ["disk"]


def test_folders_with_what_no_command_wrote(words, build, refused, tmp_path):
    (build / "notes.txt").write_text("years of work")
    sentence = f"{build} is a BUILD with 'notes.txt' in it, which no command wrote: {NEW}"
    assert refused(*words, build) == sentence
    (build / "notes.txt").rename(build / ".notes")
    assert refused(*words, build) == sentence.replace("notes", ".notes").replace(".txt", "")
    site = tmp_path / "site"
    site.mkdir()
    (site / MANIFEST).write_text('{"name": "a web application"}')
    assert refused(*words, site) == f"{site} is a folder with other things in it: {NEW}"
    assert refused(*words, site / MANIFEST) == f"{site / MANIFEST} is a file: name a folder for the BUILD"
    assert contents(site) == {MANIFEST: b'{"name": "a web application"}'}
    assert (build / ".notes").read_text() == "years of work"
    sentence = refused(*words, site / MANIFEST / "in")
    assert sentence.endswith(f"because {site / MANIFEST} is a file: name a folder for the BUILD")


def test_what_commands_wrote_goes_with_the_build(words, build, run):
    for name in ("waves", "synthesis", "synthesis-failed", "sim", f"{PREFIX}dead"):
        (build / name).mkdir()
        (build / name / "file").write_text("of the BUILD before")
    for name in ("report.json", "timing.json", "synthesis.json", "failed.log", ".report.json.1-1.part"):
        (build / name).write_text("{}")
    expected = {name for name in contents(build) if (build / name).is_file()}
    assert run(*words, build).exit_code == 0
    now = {name for name in contents(build) if (build / name).is_file()}
    assert now < expected
    assert {name.partition("/")[0] for name in now} == {
        *("manifest.json", "accelerator.v", "structure.json", "program.json", "ir.json", "board.yaml", "roms"),
        *("package.safetensors", *(path.name for path in build.glob("*.v"))),
    }


def test_a_build_that_is_read(words, build, refused):
    before = contents(build)
    with reading(build), reading(build):
        sentence = f"{build} is in use by another spikewright command: wait for its end, or name another folder"
        assert refused(*words, build) == sentence
    assert contents(build) == before


def test_a_build_that_another_put_there_meanwhile(build, tmp_path):
    """Where there was nothing when it began: the second one replaces it, and who waits to read has the new one."""
    new = Path(shutil.copytree(build, tmp_path / "new"))
    (new / "report.json").write_text("{}")
    seen = []

    def read():
        with reading(build) as opened:
            seen.append((opened.path / "report.json").is_file())

    _put(new, build, build)
    thread = threading.Thread(target=read)
    thread.start()
    thread.join(10)
    assert seen == [True]


@pytest.mark.parametrize("full", [True, False])
def test_what_ends_generate_leaves_everything_as_it_was(full, words, build, run, tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device") if full else KeyboardInterrupt

    before = contents(tmp_path)
    monkeypatch.setattr(generate, "listed_json", fails)
    for out in (build, tmp_path / "deep" / "new"):
        result = run(*words, out)
        assert result.exit_code == 1
        told = f"{out}: No space left on device" if full else "stopped"
        assert result.stderr.splitlines()[-1] == f"error: {told}"
        assert contents(tmp_path) == before
