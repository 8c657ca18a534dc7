"""Routing: where the values of a network go, as far as it follows from the whole graph and not from an engine's shape.

Training and compiler both derive it here: which additions are done where their spikes are made, which values are
overwritten in place, which need a halo, and which readers need a copy that lies differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spikewright.cost.cells import Cells, on_the_smallest
from spikewright.cost.geometry import Lies, Position

IMAGE = "input"


@dataclass(frozen=True)
class Node:
    """An op as far as routing is concerned; its result has its name.

    kind: as in a package, but ``windows`` for anything that the mover makes of windows, channel by channel; heads: of
    attention.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    heads: int = 0


@dataclass(frozen=True)
class LayCopy:
    """A copy of a value that lies as a reader needs it.

    grid: whose tiles its tokens are in; None: a slot for each. heads: of attention, by which its channels lie; 0: in
    the banks of the value. moved: the mover can make it, because its channels stay in their banks; else it goes through
    the lanes, and its tokens stay in their slots.
    """

    value: str
    grid: Position | None = None
    heads: int = 0
    moved: bool = True

    @property
    def name(self) -> str:
        """What reports call it. No op has a name with a blank in it."""
        if self.heads:
            return f"{self.value} by {self.heads} heads"
        return f"{self.value} by token" if self.grid is None else f"{self.value} on {self.grid[0]}x{self.grid[1]}"


@dataclass(frozen=True)
class Routing:
    """Where values go.

    cells: grid → the grid whose cells are its token slots; fused: op → the addition that its write-back does; in_place:
    adds and selects that overwrite their stream; halos: values with a halo, a border of one position, for convolutions;
    mixed: a convolution joins the image with something else; roots: value → the value that its channels lie as, because
    the mover cannot take them to other banks; heads: root → heads that its channels are laid out by; copies: (reader,
    value) → the copy that it reads in place of the value.
    """

    cells: Cells
    fused: Mapping[str, Node]
    in_place: frozenset[str]
    halos: frozenset[str]
    mixed: bool
    roots: Mapping[str, str]
    heads: Mapping[str, int]
    copies: Mapping[tuple[str, str], LayCopy]

    def tile(self, grid: Position | None) -> Position:
        """Positions (rows, columns) that a token slot holds of a value on a grid; one where it has none."""
        return (1, 1) if grid is None else Lies(grid, self.cells[grid]).tile

    def lies(self, grid: Position | None, tokens: int) -> Lies:
        """A value's grid and its cells; a row of tokens where it has none."""
        return Lies((1, tokens), (1, tokens)) if grid is None else Lies(grid, self.cells[grid])

    def copy_lies(self, copy: LayCopy, value: Lies) -> Lies:
        """The grid of a copy of a value and its cells: those of its own grid, or a slot for each token."""
        return Lies(value.grid, value.grid) if copy.grid is None else Lies(copy.grid, self.cells[copy.grid])


def route(nodes: Iterable[Node], grids: Mapping[str, Position | None], cells: Cells | None = None) -> Routing:
    """Routing of ops in execution order.

    grids: of every value, the image included; cells: of every grid, those of the smallest where not given.
    """
    return _Router(list(nodes), grids, cells).routing()


class _Router:
    """Reads and writes of a graph in time: an op's place in the order."""

    def __init__(self, nodes: Sequence[Node], grids: Mapping[str, Position | None], cells: Cells | None) -> None:
        self.nodes, self.grids = nodes, grids
        self.cells = cells or on_the_smallest(grid for grid in grids.values() if grid is not None)
        self.place = {IMAGE: -1} | {node.name: i for i, node in enumerate(nodes)}
        self.readers: dict[str, list[Node]] = {}
        for node in nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.by_name = {node.name: node for node in nodes}
        self.halos = frozenset(node.inputs[0] for node in nodes if node.kind == "conv")
        self.fused: dict[str, Node] = {}
        self.time = dict(self.place)  # when an op reads its stream and its value is written

    def routing(self) -> Routing:
        for node in self.nodes:
            if node.kind == "add" and self._fuses(node):
                self.fused[node.inputs[1]] = node
                self.time[node.name] = self.place[node.inputs[1]]
        in_place = frozenset(node.name for node in self.nodes if self._in_place(node))
        roots = {IMAGE: IMAGE}
        for node in self.nodes:
            lies_as_source = node.kind in ("windows", "select") or node.name in in_place
            roots[node.name] = roots[node.inputs[0]] if lies_as_source else node.name
        heads: dict[str, int] = {}
        for node, name in self._attended():
            maker = self.by_name[roots[name]]
            # attention hands out the channels of its own heads side by side: they must not share a bank
            if maker.kind != "attention" or maker.heads == node.heads:
                heads.setdefault(roots[name], node.heads)
        copies = {}
        for node in self.nodes:
            for name in node.inputs:
                copy = self._copy(node, name, roots, heads)
                if copy is not None:
                    copies[node.name, name] = copy
        mixed = any(IMAGE in node.inputs and len(set(node.inputs)) > 1 for node in self.nodes)
        return Routing(self.cells, self.fused, in_place, self.halos, mixed, roots, heads, copies)

    def _attended(self) -> list[tuple[Node, str]]:
        return [(node, name) for node in self.nodes if node.kind == "attention" for name in node.inputs]

    def _copy(self, node: Node, name: str, roots: Mapping[str, str], heads: Mapping[str, int]) -> LayCopy | None:
        """What an op reads in place of a value, None where the value lies as it needs it."""
        if node.kind in ("attention", "linear", "select") or (node.kind == "add" and self.grids[node.name] is None):
            by_token = LayCopy(name) if self._tile(name) != (1, 1) else None
        elif node.kind == "conv" and self._tile(name) != self._tile(node.name):
            return LayCopy(name, self.grids[node.name])  # a shortcut, whose value has no grid
        else:
            return None
        if node.kind == "add" and name in self.fused:
            return None  # it is never written
        if node.kind != "attention":
            return by_token
        same_banks = heads.get(roots[name]) == node.heads
        if same_banks and by_token is None and name not in self.halos:
            return None
        return LayCopy(name, heads=node.heads, moved=same_banks)

    def _fuses(self, add: Node) -> bool:
        """Whether the op that makes the spikes can add them: nothing else reads them, and the stream is there by then.

        A convolution of the image may hold other positions in its step lanes than the stream does, and one with a
        shortcut reads a second value already.
        """
        stream, spikes = add.inputs
        maker = self.by_name[spikes]
        if maker.kind not in ("conv", "linear") or IMAGE in maker.inputs or len(maker.inputs) > 1:
            return False
        if self._tile(spikes) != self._tile(add.name):
            return False
        return self.readers[spikes] == [add] and self.time[stream] < self.place[spikes]

    def _in_place(self, node: Node) -> bool:
        """Whether an op may overwrite its stream: nothing reads it later, or around the word in work."""
        if node.kind not in ("add", "select") or node.inputs[0] in (IMAGE, *node.inputs[1:]):
            return False
        stream, now = node.inputs[0], self.time[node.name]
        if {stream, node.name} & self.halos or self._tile(stream) != self._tile(node.name):
            return False
        # attention reads words that lie side by side: no room to grow between them
        readers = self.readers[stream] + self.readers.get(node.name, [])
        if any(reader.kind == "attention" for reader in readers):
            return False
        return all(reader is node or self._read(reader, stream) < now for reader in self.readers[stream])

    def _read(self, reader: Node, value: str) -> int:
        """When an op reads a value: an addition its stream where it is fused to, everything else in its own place."""
        return self.time[reader.name] if value == reader.inputs[0] else self.place[reader.name]

    def _tile(self, name: str) -> Position:
        grid = self.grids.get(name)
        return (1, 1) if grid is None else Lies(grid, self.cells[grid]).tile
