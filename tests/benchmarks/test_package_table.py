"""The measured columns of packages/README.md are those of the rows, and every package has its line."""

from benchmarks.common import ROOT
from benchmarks.package_table import PAGE, drawn
from benchmarks.results import load

VALUE = {"rtl": "9/10", "cycles": 12345, "images_per_second": 987, "block_ram": 40, "smallest": "ulx3s-25f"}
LINE = "| `one` | a network, of 2 blocks | 7 | – | – | – | – | – |\n"


def test_the_last_cells_are_drawn() -> None:
    new = drawn(LINE, {"hw.package-one": {"value": VALUE}})
    assert new == "| `one` | a network, of 2 blocks | 7 | 9/10 | 12 345 | 987 | 40 | ulx3s-25f |\n"
    assert drawn(new, {"hw.package-one": {"value": VALUE}}) == new
    assert drawn(LINE, {"hw.package-two": {"value": VALUE}}) == LINE


def test_the_page_has_every_package_as_measured() -> None:
    text, rows = PAGE.read_text(), load()
    assert drawn(text, rows) == text
    for package in (ROOT / "packages").glob("*/package.safetensors"):
        assert f"\n| `{package.parent.name}` |" in text
        assert rows[f"hw.package-{package.parent.name}"]["met"]
