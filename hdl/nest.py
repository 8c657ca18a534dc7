"""Loop nest: the order in which an output's positions, token tiles and step groups are walked."""

from itertools import product
from typing import Any, NamedTuple

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.structure import Structure

from .memory import check_structure


class Place(NamedTuple):
    """What a loop nest shows at one place."""

    addr: int
    first_group: bool
    last_group: bool
    last_tile: bool
    last: bool


def final_index(m: Module, count: Value, name: str) -> Signal:
    """``count − 1`` out of a register: a loop's end must not cost a subtraction. ``count`` is held during the loop."""
    final = Signal(len(count), name=f"final_{name}", reset_less=True)
    m.d.sync += final.eq(count - 1)
    return final


class LoopNest(wiring.Component):
    """Address of the current (row, column, tile, step group), step group innermost.

    One step a cycle, no latency: ``addr`` and the flags are those of the current place, and ``advance`` moves on at the
    clock edge. From the last place it goes back to the first. ``start`` wins over ``advance`` and goes to the first
    place. Reset: the first place, address 0; the flags count from ``start`` on. Addresses wrap at their width.

    Members
    -------
    columns, rows, tiles, groups: In, loop counts (1 …), held from the cycle of ``start`` on
    x, y, tile, group: In, address steps: to the next column; from the last column of a row to the first of the next;
        to the next tile; to the next step group
    start, advance: In(1)
    addr: Out, relative to the first place
    first_group, last_group, last_tile, last: Out(1), ``last`` is the end of the whole nest
    """

    latency = 0

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        loop, address = structure.loop_bits, structure.address_bits
        super().__init__(
            {name: In(loop) for name in ("columns", "rows", "tiles", "groups")}
            | {name: In(address) for name in ("x", "y", "tile", "group")}
            | {"start": In(1), "advance": In(1), "addr": Out(address)}
            | {name: Out(1) for name in ("first_group", "last_group", "last_tile", "last")}
        )

    def model(
        self, *, columns: int, rows: int, tiles: int, groups: int, x: int, y: int, tile: int, group: int
    ) -> list[Place]:
        """All places of a run, in order."""
        places = []
        for r, c, t, g in product(range(rows), range(columns), range(tiles), range(groups)):
            addr = r * ((columns - 1) * x + y) + c * x + t * tile + g * group
            ends = (r, c, t, g) == (rows - 1, columns - 1, tiles - 1, groups - 1)
            addr %= 1 << self.structure.address_bits
            places.append(Place(addr, g == 0, g == groups - 1, t == tiles - 1, ends))
        return places

    def elaborate(self, platform: object) -> Module:
        m = Module()
        column, row, tile, group = (Signal.like(self.columns, name=n) for n in ("column", "row", "in_tile", "in_group"))
        position, tile_base = (Signal.like(self.addr, name=n) for n in ("position", "tile_base"))
        loops = {
            "column": (column, self.columns),
            "row": (row, self.rows),
            "tile": (tile, self.tiles),
            "group": (group, self.groups),
        }
        # whether a loop is at its end comes out of a register, made when its index is: everything waits for it
        ends = {name: Signal(name=f"{name}_ends") for name in loops}
        finals = {name: final_index(m, count, name) for name, (_, count) in loops.items()}

        def first(name: str) -> list[Any]:
            index, count = loops[name]
            return [index.eq(0), ends[name].eq(count == 1)]

        def following(name: str) -> list[Any]:
            index = loops[name][0]
            return [index.eq(index + 1), ends[name].eq(index + 1 == finals[name])]

        m.d.comb += [
            self.first_group.eq(group == 0),
            self.last_group.eq(ends["group"]),
            self.last_tile.eq(ends["tile"]),
            self.last.eq(ends["group"] & ends["tile"] & ends["column"] & ends["row"]),
        ]
        to_tile, to_position = Signal.like(self.addr), Signal.like(self.addr)
        m.d.comb += [to_tile.eq(tile_base + self.tile), to_position.eq(position + self.x)]
        with m.If(ends["column"]):
            m.d.comb += to_position.eq(position + self.y)
        with m.If(self.start | (self.advance & self.last)):
            m.d.sync += [statement for name in loops for statement in first(name)]
            m.d.sync += [s.eq(0) for s in (position, tile_base, self.addr)]
        with m.Elif(self.advance):
            with m.If(~ends["group"]):
                m.d.sync += [*following("group"), self.addr.eq(self.addr + self.group)]
            with m.Elif(~ends["tile"]):
                m.d.sync += [*first("group"), *following("tile"), tile_base.eq(to_tile), self.addr.eq(to_tile)]
            with m.Else():
                m.d.sync += [*first("group"), *first("tile")]
                m.d.sync += [s.eq(to_position) for s in (position, tile_base, self.addr)]
                with m.If(ends["column"]):
                    m.d.sync += [*first("column"), *following("row")]
                with m.Else():
                    m.d.sync += following("column")
        return m
