"""The command ``spikewright boards``."""

from spikewright.commands.common import new_table, out, plain_errors


@plain_errors
def boards() -> None:
    """List the boards there are.

    Example: spikewright boards
    """
    from spikewright.boards.registry import board_names, load_board
    from spikewright.boards.schema import Board

    table = new_table("board", "device", "LUT", "block RAM", "clock MHz", "what it is")
    for name in board_names():
        board = load_board(name)
        if not isinstance(board, Board):
            table.add_row(name, "-", "no limit", "no limit", "-", board.title)
            continue
        resources = board.resources
        table.add_row(
            name,
            board.part,
            str(resources.lut),
            f"{resources.block_ram.count} x {resources.block_ram.bits // 1024} kbit",
            f"{board.clock_mhz:g}",
            board.title,
        )
    out.print(table)
