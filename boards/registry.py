"""The boards there are: every `*.yaml` beside this file is one."""

import importlib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from spikewright.boards.schema import Board
from spikewright.models.nearest import unknown

FOLDER = Path(__file__).parent


class BoardError(ValueError):
    """Unknown board or faulty board file, in one sentence."""


def board_names(folder: Path = FOLDER) -> list[str]:
    """Names of all boards, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_board(name: str, folder: Path = FOLDER) -> Board:
    """Reads and checks one board's description; raises BoardError."""
    if name not in board_names(folder):
        raise BoardError(unknown("board", name, board_names(folder)))
    path = folder / f"{name}.yaml"
    try:
        board = Board.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise BoardError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BoardError(f"{path.name}: {where}: {first['msg']} (found {first['input']!r})") from None
    if board.name != name:
        raise BoardError(f"{path.name}: name must be {name!r} like the file, not {board.name!r}")
    return board


def platform_for(board: Board) -> Any:
    """A fresh amaranth platform of the board (one build each), with its UART resource in place."""
    module, _, cls = board.platform.partition(":")
    try:
        platform = getattr(importlib.import_module(module), cls)()
    except (ImportError, AttributeError):
        raise BoardError(f"board {board.name}: there is no platform {board.platform}") from None
    if board.uart.pins is not None:
        from amaranth.build import Attrs
        from amaranth_boards.resources import UARTResource

        pins = board.uart.pins
        connector = (pins.connector, pins.number)
        attrs = Attrs(IO_TYPE=pins.io_type)
        platform.add_resources([UARTResource(board.uart.number, rx=pins.rx, tx=pins.tx, conn=connector, attrs=attrs)])
    return platform
