"""The protocol of the compression figures: paired differences by hand, and cells that know what made them."""

import json
from pathlib import Path

import pytest

from benchmarks.compression import protocol
from benchmarks.compression.protocol import Cell, paired, read_cell, write_cell
from spikewright.compress.run.artefacts import VERSION
from spikewright.models.data.digits import split_indices

TEXT = """
data: "digits:FOLD"
model: {dim: 16, depth: 1, heads: 2}
teacher: {epochs: 2}
constraints: {quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}}
"""


def against(wrong: int, images: int) -> dict[str, float | bool]:
    """A teacher that is always right, and another network that errs on so many images."""
    return paired([[0] * images], [[1] * wrong + [0] * (images - wrong)], [[0] * images])


def test_a_difference_without_spread_by_hand() -> None:
    difference = paired([[0, 1], [2, 0]], [[3, 3], [2, 0]], [[0, 1], [2, 0]])
    # images are drawn within folds: the first always loses all, the second nothing, so every draw is the mean
    assert difference == {
        "dense": 100.0, "accuracy": 50.0, "difference": -50.0, "low": -50.0, "high": -50.0, "bound": -50.0,
        "kept": False,
    }  # fmt: skip
    assert paired([[1]], [[0]], [[0]]) == {
        "dense": 0.0, "accuracy": 100.0, "difference": 100.0, "low": 100.0, "high": 100.0, "bound": 100.0,
        "kept": True,
    }  # fmt: skip


def test_images_count_alike_though_folds_differ_in_size() -> None:
    difference = paired([[0] * 3, [0]], [[0] * 3, [1]], [[0] * 3, [0]])
    assert (difference["difference"], difference["accuracy"]) == (-25.0, 75.0)


@pytest.mark.parametrize(
    ("wrong", "images", "difference", "bound", "kept"),
    [
        # errors in a draw are about Poisson(5), whose 95th percentile is 9
        (5, 1000, -0.5, -0.9, True),
        (6, 1000, -0.6, -1.0, False),  # the bound would do, the mean does not
        # about Poisson(1), 95th percentile 3: the mean would do, the bound decides, at exactly one point
        (1, 300, -0.33, -1.0, True),
        (1, 299, -0.33, -1.0, False),
        (1, 200, -0.5, -1.5, False),
    ],
)
def test_kept_at_its_bounds(wrong: int, images: int, difference: float, bound: float, kept: bool) -> None:
    loss = against(wrong, images)
    assert (loss["difference"], loss["bound"], loss["kept"]) == (difference, bound, kept)
    assert loss["low"] <= loss["bound"] <= loss["difference"] <= loss["high"]


def test_a_cells_key_is_what_determines_its_result() -> None:
    def compute(fold: int) -> dict[str, object]:
        raise AssertionError

    def key(fold: int = 0, **recipes: str) -> str:
        return Cell(compute, recipes).key(fold)

    key_of_text = key(a=TEXT)
    assert key(a="# a remark\n" + TEXT) == key_of_text
    assert key(a=TEXT, b=TEXT) == key(b=TEXT, a=TEXT)
    others = {
        key(1, a=TEXT),
        key(a=TEXT.replace("epochs: 2", "epochs: 3")),
        key(a=TEXT.replace("bits: 8", "bits: 4")),
        key(a=TEXT, b=TEXT),
    }
    longer = Cell(compute, {"a": TEXT}, schedule=protocol.LONG).key(0)
    assert len(others | {longer, key_of_text}) == 6


def test_a_cell_of_other_settings_ends_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "DATA", tmp_path / "cells")
    assert read_cell("lottery", 3, "k") is None
    write_cell("lottery", 3, "k", {"dense": [1, 2]})
    assert read_cell("lottery", 3, "k") == {"key": "k", "version": VERSION, "dense": [1, 2]}
    assert read_cell("lottery", 2, "k") is None
    with pytest.raises(SystemExit) as caught:
        read_cell("lottery", 3, "other")
    assert str(caught.value).startswith(f"error: {tmp_path}/cells/lottery-3.json was made with other settings: remove ")
    assert json.loads((tmp_path / "cells" / "lottery-3.json").read_text())["dense"] == [1, 2]


def test_digits_that_settings_were_chosen_on_are_told_apart() -> None:
    chosen = set().union(*(split_indices(fold)[1].tolist() for fold in protocol.CHOOSING))
    for fold in protocol.FOLDS:
        test = split_indices(fold)[2].tolist()
        assert protocol.unseen(fold) == [number not in chosen for number in test]
    assert sum(not one for fold in protocol.FOLDS for one in protocol.unseen(fold)) == len(chosen) > 180
