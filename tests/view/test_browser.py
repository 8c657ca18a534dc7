"""The page in a browser: it asks for nothing, complains of nothing, and fits a phone."""

from pathlib import Path

import pytest
from drawn import draw

from benchmarks.see.browser import BrowserError, look
from spikewright.commands.pages import draw_run

PACKAGES = Path(__file__).parents[2] / "packages"


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 800, 1400])
def test_a_builds_page(width: int, dark: bool, build: Path) -> None:
    draw(build)
    seen = look(build / "report.html", width=width, dark=dark)
    assert (seen.console, seen.requests, seen.wide) == ([], [], 0)
    assert 0 < seen.loaded <= 1000


@pytest.mark.slow
def test_a_runs_page(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for file in (PACKAGES / "spikformer").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    seen = look(draw_run(folder), width=400)
    assert (seen.console, seen.requests, seen.wide) == ([], [], 0)


@pytest.mark.slow
def test_what_a_page_asks_for_is_seen(tmp_path: Path) -> None:
    """A page that is not ours: what the checks above count is there to be counted."""
    (tmp_path / "bad.html").write_text('<img src="absent.png"><script>console.error("x"); nothing()</script>')
    seen = look(tmp_path / "bad.html")
    assert len(seen.requests) == 1
    assert len(seen.console) == 3  # the image that is absent, too


def test_a_missing_chromium_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "page.html").write_text("")
    with pytest.raises(BrowserError, match="no Chromium on PATH: install it"):
        look(tmp_path / "page.html")
