"""Routing: where the values of a network go, as far as it follows from the whole graph and not from an engine's shape.

Training and compiler both derive it here: which additions are done where their spikes are made, which values are
overwritten in place, which need a halo, and which readers need a copy that lies differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spikewright.cost.geometry import Position, token_grid

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
class HeadCopy:
    """A copy of a value that lies by head, for attention.

    moved: the mover can make it, because the value's channels lie in the same banks; else it goes through the lanes.
    """

    value: str
    heads: int
    moved: bool

    @property
    def name(self) -> str:
        """What reports call it. No op has a name with a blank in it."""
        return f"{self.value} by {self.heads} heads"


@dataclass(frozen=True)
class Routing:
    """Where values go.

    token_grid: the grid whose cells are token slots; fused: op → the addition that its write-back does; in_place: adds
    and selects that overwrite their stream; halos: values with a halo, a border of one position, for convolutions;
    roots: value → the value that its channels lie as, because the mover cannot take them to other banks; heads: root →
    heads that its channels are laid out by; copies: (attention, value) → the copy that it reads in place of the value.
    """

    token_grid: Position
    fused: Mapping[str, Node]
    in_place: frozenset[str]
    halos: frozenset[str]
    roots: Mapping[str, str]
    heads: Mapping[str, int]
    copies: Mapping[tuple[str, str], HeadCopy]

    def tile(self, grid: Position | None) -> Position:
        """Positions (rows, columns) that a token slot holds of a value on a grid."""
        return tile_on(self.token_grid, grid)


def tile_on(token_grid: Position, grid: Position | None) -> Position:
    """Positions (rows, columns) of a grid in a cell of the token grid; one where there is no grid."""
    rows, columns = token_grid
    return (1, 1) if grid is None else (grid[0] // rows, grid[1] // columns)


def route(nodes: Iterable[Node], grids: Mapping[str, Position | None]) -> Routing:
    """Routing of ops in execution order; grids: of every value, the image included."""
    return _Router(list(nodes), grids).routing()


class _Router:
    """Reads and writes of a graph in time: an op's place in the order."""

    def __init__(self, nodes: Sequence[Node], grids: Mapping[str, Position | None]) -> None:
        self.nodes, self.grids = nodes, grids
        self.place = {IMAGE: -1} | {node.name: i for i, node in enumerate(nodes)}
        self.readers: dict[str, list[Node]] = {}
        for node in nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.by_name = {node.name: node for node in nodes}
        self.halos = frozenset(node.inputs[0] for node in nodes if node.kind == "conv")
        self.token_grid = token_grid(grid for grid in grids.values() if grid is not None)
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
        for node, name in self._attended():
            same_banks = heads.get(roots[name]) == node.heads
            if not same_banks or name in self.halos:
                copies[node.name, name] = HeadCopy(name, node.heads, same_banks)
        return Routing(self.token_grid, self.fused, in_place, self.halos, roots, heads, copies)

    def _attended(self) -> list[tuple[Node, str]]:
        return [(node, name) for node in self.nodes if node.kind == "attention" for name in node.inputs]

    def _fuses(self, add: Node) -> bool:
        """Whether the op that makes the spikes can add them: nothing else reads them, and the stream is there by then.

        A convolution of the image may hold other positions in its step lanes than the stream does.
        """
        stream, spikes = add.inputs
        maker = self.by_name[spikes]
        if maker.kind not in ("conv", "linear") or maker.inputs[0] == IMAGE:
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
        return tile_on(self.token_grid, self.grids.get(name))
