"""Board files: the ones there are, and how a faulty one is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from spikewright.boards.families.ecp5 import PllSettings
from spikewright.boards.family import FamilyError
from spikewright.boards.link.frame import markdown
from spikewright.boards.link.uart import divisor_for
from spikewright.boards.registry import FOLDER, BoardError, board_names, load_board, platform_for, real_boards
from spikewright.boards.schema import Board

DOC = Path(__file__).parents[2] / "docs" / "boards.md"


@pytest.mark.parametrize("board", real_boards(), ids=lambda board: board.name)
def test_every_board_is_sound(board):
    platform = platform_for(board)
    assert platform.resources[board.oscillator.resource, 0].clock.frequency == board.oscillator.mhz * 1e6
    assert (board.uart.resource, board.uart.number) in platform.resources
    divisor_for(board.clock_mhz * 1e6, board.uart.baud)


@pytest.mark.parametrize("board", [b for b in real_boards() if b.family == "ecp5"], ids=lambda board: board.name)
def test_an_ecp5_board_is_sound(board):
    platform = platform_for(board)
    assert board.part.startswith(f"{platform.device}-{platform.speed}{platform.package}")
    pll = PllSettings.find(board.oscillator.mhz, board.clock_mhz)
    assert board.oscillator.mhz * pll.feedback / pll.reference == pytest.approx(board.clock_mhz)
    assert 400 <= pll.mhz * pll.output <= 800


def test_required_boards_exist():
    assert {"ulx3s-85f", "ulx3s-25f", "orangecrab-85f"} <= set(board_names())
    assert load_board("ulx3s-85f").block_ram_bits == 208 * 18432


def test_unknown_board_lists_the_others_and_names_the_nearest():
    with pytest.raises(BoardError, match=r"unknown board 'ulx4s'; must be one of .*orangecrab-85f, .*ulx3s-25f"):
        load_board("ulx4s")
    with pytest.raises(BoardError, match=r"unknown board 'ulx3s-85'; did you mean 'ulx3s-85f'\? All are .*orangecrab"):
        load_board("ulx3s-85")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lut: 83640", "lut: -1", r"resources.lut: .*greater than or equal to 1 \(found -1\)"),
        ("lut: 83640", "lutt: 83640", "resources.lut: Field required"),
        ("dsp: 156", "dsp: 156\n  extra: 1", "resources.extra: Extra inputs are not permitted"),
        ("family: ecp5", "family: ice40", r"copy.yaml: unknown family 'ice40'; must be one of .*ecp5"),
        ("name: ulx3s-85f", "name: other", "name must be 'copy' like the file, not 'other'"),
        ("family: ecp5", "family: [", "copy.yaml is not YAML"),
    ],
)
def test_faulty_file_is_one_sentence(old, new, message, tmp_path):
    text = (FOLDER / "ulx3s-85f.yaml").read_text().replace(old, new)
    (tmp_path / "copy.yaml").write_text(text)
    with pytest.raises(BoardError, match=message) as caught:
        load_board("copy", tmp_path)
    assert "\n" not in str(caught.value)


def test_one_file_adds_a_board(tmp_path):
    text = (FOLDER / "ulx3s-85f.yaml").read_text().replace("name: ulx3s-85f", "name: mine").replace("80.0", "50.0")
    (tmp_path / "mine.yaml").write_text(text)
    assert board_names(tmp_path) == ["mine"]
    assert load_board("mine", tmp_path).clock_mhz == 50
    broken = text.replace("ULX3S_85F_Platform", "Absent")
    (tmp_path / "mine.yaml").write_text(broken)
    with pytest.raises(BoardError, match=r"there is no platform amaranth_boards\.ulx3s:Absent"):
        platform_for(load_board("mine", tmp_path))


@pytest.mark.parametrize(("source", "target"), [(25, 900), (25, 79.77), (12, 1)])
def test_pll_refuses(source, target):
    with pytest.raises(FamilyError, match=f"the PLL makes no {target:g} MHz"):
        PllSettings.find(source, target)


def test_document_holds_the_frames_and_every_field():
    text = DOC.read_text()
    assert markdown() in text
    assert "| IMAGE (to the board) | 0x01 | a part of an image: tag (1), number of the part, from 0 (3)" in text
    assert "| INFO (to the board) | 0x02 | tag (1);" in text
    assert "| BAD_CRC | 1 | the frame's CRC is wrong" in text
    for row in rows(Board, ""):
        assert row in text


def rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """A row of the table for every field, and for the fields of its part."""
    for name, field in model.model_fields.items():
        yield f"| `{prefix}{name}` | {field.description} |"
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from rows(kind, f"{prefix}{name}.")
