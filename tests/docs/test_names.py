"""What the documents name is there: files, folders, links, code names, commands."""

import re
from pathlib import Path

import pytest

from spikewright.cli import app
from spikewright.compress.recipe.page import page

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")])
#: Made by commands: not in every clone.
MADE = {
    "build",
    "BUILD",
    "runs",
    "dist",
    "import.json",
    ".venv",
    "accelerator.v",
    "report.html",
    "report.json",
    "synthesis.json",
    "traces.json",
    "program.json",
    "timing.json",
    "tried.json",
    "tried.svg",
}
SUFFIXES = (".py", ".md", ".yaml", ".toml", ".txt", ".v", ".sv", ".svg", ".json")


def names(text: str) -> set[str]:
    """Everything in backticks that looks like a path."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^## `[^`]+`\n\nA new file", "", text, flags=re.MULTILINE)  # which the page adds
    paths = {path.rstrip("/") for path in re.findall(r"`([\w.-]+(?:/[\w.-]*)+)`", text)}
    return paths | {name for name in re.findall(r"`([\w./-]+)`", text) if name.endswith(SUFFIXES)}


def exists(name: str, document: Path) -> bool:
    if name in MADE or name.split("/")[0] in MADE or "NAME" in name:  # NAME: a placeholder
        return True
    if (ROOT / name).exists() or (document.parent / name).exists():
        return True
    return "/" not in name and any(
        True for room in ROOT.glob(f"*/**/{name}") if not MADE & set(room.relative_to(ROOT).parts)
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_exist(document):
    missing = sorted(name for name in names(document.read_text()) if not exists(name, document))
    assert not missing, f"{document.name} names {missing}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not broken, f"{document.name} links to {broken}"


def test_units_of_the_architecture_are_in_their_files():
    table = re.findall(r"^\| ([^|]+) \| `(hdl/\w+\.py)` \|", (ROOT / "docs" / "architecture.md").read_text(), re.M)
    assert len(table) >= 12
    for unit, file in table:
        words = re.sub(r"\W+", " ", unit.lower()).split()
        docstring = re.sub(r"\W+", " ", (ROOT / file).read_text().partition("\n")[0].lower())
        assert any(word.rstrip("s") in docstring for word in words), f"{file} does not introduce the {unit}"


def test_commands_exist():
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    for document in DOCUMENTS:
        text = document.read_text()
        code = [*re.findall(r"^```\n(.*?)^```", text, re.M | re.S), *re.findall(r"`([^`\n]+)`", text)]
        named = {name for block in code for name in re.findall(r"(?:^|\s|bin/)spikewright ([a-z]+)\b", block)}
        assert named <= known, f"{document.name} names {named - known}"
    assert all(f"spikewright {name}" in (ROOT / "README.md").read_text() for name in known - {"demo"})


def test_the_page_of_recipes_is_that_of_the_schema():
    assert (ROOT / "docs" / "recipes.md").read_text() == page(), "python -m spikewright.compress.recipe.page"
