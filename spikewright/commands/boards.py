"""The command ``spikewright boards``."""

from pydantic import BaseModel, ConfigDict, Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import new_table, out


class BoardAnswer(BaseModel):
    """One board."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="What `--board` takes.")
    title: str = Field(description="What it is.")
    part: str | None = Field(description="Its device; null where there is none.")
    lut: int | None = Field(description="LUT of the device; null without a limit.")
    block_ram: int | None = Field(description="Block RAMs of the device; null without a limit.")
    block_ram_bits: int | None = Field(description="Bits of a block RAM.")
    clock_mhz: float | None = Field(description="Clock of the accelerator, MHz.")


class BoardsAnswer(CommandAnswer):
    """All boards."""

    boards: list[BoardAnswer] = Field(description="Every board there is.")


@command(BoardsAnswer)
def boards() -> BoardsAnswer:
    """List the boards there are.

    Example: spikewright boards
    """
    from spikewright.boards.registry import board_names, load_board
    from spikewright.boards.schema import Board

    table = new_table("board", "device", "LUT", "block RAM", "clock MHz", "what it is")
    answers = []
    for name in board_names():
        board = load_board(name)
        answer = BoardAnswer(
            name=name, title=board.title, part=None, lut=None, block_ram=None, block_ram_bits=None, clock_mhz=None
        )
        if isinstance(board, Board):
            resources = board.resources
            answer = BoardAnswer(
                name=name,
                title=board.title,
                part=board.part,
                lut=resources.lut,
                block_ram=resources.block_ram.count,
                block_ram_bits=resources.block_ram.bits,
                clock_mhz=board.clock_mhz,
            )
            blocks = f"{resources.block_ram.count} x {resources.block_ram.bits // 1024} kbit"
            table.add_row(name, board.part, str(resources.lut), blocks, f"{board.clock_mhz:g}", board.title)
        else:
            table.add_row(name, "-", "no limit", "no limit", "-", board.title)
        answers.append(answer)
    out.print(table)
    return BoardsAnswer(boards=answers)
