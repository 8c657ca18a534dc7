"""The boards there are, every ``*.yaml`` beside this file, and their families, every file in ``families/``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from spikewright.boards.schema import Board, BuildTarget, target_of
from spikewright.echo import quoted
from spikewright.errors import PlainError
from spikewright.models.nearest import unknown

if TYPE_CHECKING:  # a family brings Amaranth with it: an unknown board is told before
    from spikewright.boards.family import Family

FOLDER = Path(__file__).parent
FAMILIES = FOLDER / "families"


class BoardError(PlainError):
    """Unknown board or faulty board file, in one sentence."""


def board_names(folder: Path = FOLDER) -> list[str]:
    """Names of all boards, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_board(name: str, folder: Path = FOLDER) -> BuildTarget:
    """Reads and checks one board's description, or that of the simulator; raises BoardError."""
    if name not in board_names(folder):
        raise BoardError(unknown("board", name, board_names(folder)))
    path = folder / f"{name}.yaml"
    try:
        board = target_of(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise BoardError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BoardError(f"{path.name}: {where}: {first['msg']} (found {quoted(first['input'])})") from None
    if board.family not in family_names():
        raise BoardError(f"{path.name}: {unknown('family', board.family, family_names())}")
    if board.name != name:
        raise BoardError(f"{path.name}: name must be {quoted(name)} like the file, not {quoted(board.name)}")
    return board


def family_names() -> list[str]:
    """Names of all FPGA families, sorted."""
    return sorted(path.stem for path in FAMILIES.glob("*.py") if path.stem != "__init__")


def real_boards() -> list[Board]:
    """All boards that have an FPGA, by name."""
    return [board for board in map(load_board, board_names()) if isinstance(board, Board)]


def real(target: BuildTarget) -> Board:
    """The board; BoardError where it is none."""
    if isinstance(target, Board):
        return target
    names = ", ".join(board.name for board in real_boards())
    raise BoardError(f"{target.name} is no board that a design could be placed on; those there are: {names}")


def family_of(board: BuildTarget) -> Family:
    """The family of a board's FPGA."""
    family: Family = importlib.import_module(f"spikewright.boards.families.{board.family}").FAMILY
    return family


def platform_for(board: Board) -> Any:
    """A fresh amaranth platform of the board (one build each), with its UART resource in place."""
    module, _, cls = board.platform.partition(":")
    try:
        platform = getattr(importlib.import_module(module), cls)()
    except (ImportError, AttributeError):
        raise BoardError(f"board {board.name}: there is no platform {board.platform}") from None
    if board.uart.pins is not None:
        from amaranth.build import Attrs  # here for the same reason
        from amaranth_boards.resources import UARTResource

        pins = board.uart.pins
        connector = (pins.connector, pins.number)
        attrs = Attrs(IO_TYPE=pins.io_type)
        platform.add_resources([UARTResource(board.uart.number, rx=pins.rx, tx=pins.tx, conn=connector, attrs=attrs)])
    return platform
