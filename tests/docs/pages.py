"""Pages that tell how to add something, done: their code blocks put into a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^Instead of `([^`]+)`\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEW = re.compile(r"A new file\..*?^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def copy_of_the_repository(folder: Path) -> Path:
    """The rooms, and what surrounds them as links."""
    folder.mkdir()
    rooms = {link.name for link in (ROOT / "spikewright").iterdir() if link.is_symlink()}
    for name in ("spikewright", *rooms):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def apply(page: Path, folder: Path) -> list[str]:
    """Do what the page says; the files that it names, in its order."""
    files = []
    for name, text in SECTION.findall(page.read_text()):
        file = folder / name
        if new := NEW.search(text):
            assert not file.exists(), f"{page.name}: {name} is there already"
            file.write_text(new[1])
        blocks = [] if new else BLOCK.findall(text)
        assert new or blocks, f"{page.name}: nothing is said of {name}"
        for anchor, code in blocks:
            before = file.read_text()
            assert before.count(anchor) == 1, f"{page.name}: {anchor!r} stands {before.count(anchor)} times in {name}"
            file.write_text(before.replace(anchor, code.rstrip("\n")))
        files.append(name)
    return files


def run(folder: Path, *words: object, path: str = "", timeout: int = 500) -> str:
    """What a command says that sees the copy as the installed package."""
    env = {**os.environ, "PYTHONPATH": str(folder), "SPIKEWRIGHT_BUILDS": str(ROOT / "build" / "bench")}
    env["PATH"] = os.pathsep.join([*([path] if path else []), env["PATH"]])
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, env=env, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout
