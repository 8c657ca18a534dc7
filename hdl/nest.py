"""Loop nest: the order in which an output's positions, token tiles and step groups are walked."""

from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.structure import Structure
from spikewright.hdl.memory import check_structure

#: Loop counts and address steps of a nest, by the names of its ports and of a descriptor's fields.
COUNTS = ("columns", "rows", "tiles", "groups")
STEPS = ("x", "y", "tile", "group")


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
    Counts are 1 or more. Counts and steps are held from the cycle of ``start`` on.
    """

    latency = 0

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        loop, address = structure.loop_bits, structure.address_bits
        super().__init__(
            {
                #: Columns of positions in a row.
                "columns": In(loop),
                #: Rows of positions.
                "rows": In(loop),
                #: Token tiles of a position.
                "tiles": In(loop),
                #: Step groups of a tile.
                "groups": In(loop),
                #: Words from one column to the next.
                "x": In(address),
                #: Words from the last column of a row to the first of the next.
                "y": In(address),
                #: Words from one tile to the next.
                "tile": In(address),
                #: Words from one step group to the next.
                "group": In(address),
                #: Go to the first place.
                "start": In(1),
                #: Go to the next place.
                "advance": In(1),
                #: Address of the place, in words from the first place on.
                "addr": Out(address),
                #: The place is in the first step group.
                "first_group": Out(1),
                #: The place is in the last step group.
                "last_group": Out(1),
                #: The place is in the last tile.
                "last_tile": Out(1),
                #: The place is the last of the whole nest.
                "last": Out(1),
            }
        )

    def configured(self, config: data.View, side: str) -> list[Any]:
        """Statements that take counts and steps from a MAC descriptor; the steps are its fields ``side_x`` ….

        side: ``in``, ``capture`` or ``out``.
        """
        return [
            *(getattr(self, name).eq(config[name]) for name in COUNTS),
            *(getattr(self, name).eq(config[f"{side}_{name}"]) for name in STEPS),
        ]

    def places(self, config: Mapping[str, int], side: str) -> list[Place]:
        """All places of a MAC descriptor's run, in order; ``side`` as in ``configured``."""
        return self.model(
            **{name: config[name] for name in COUNTS}, **{name: config[f"{side}_{name}"] for name in STEPS}
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
            m.d.sync += [base.eq(0) for base in (position, tile_base, self.addr)]
        with m.Elif(self.advance):
            with m.If(~ends["group"]):
                m.d.sync += [*following("group"), self.addr.eq(self.addr + self.group)]
            with m.Elif(~ends["tile"]):
                m.d.sync += [*first("group"), *following("tile"), tile_base.eq(to_tile), self.addr.eq(to_tile)]
            with m.Else():
                m.d.sync += [*first("group"), *first("tile")]
                m.d.sync += [base.eq(to_position) for base in (position, tile_base, self.addr)]
                with m.If(ends["column"]):
                    m.d.sync += [*first("column"), *following("row")]
                with m.Else():
                    m.d.sync += following("column")
        return m
