"""Layout plan: how every value lies, before any op is lowered, and every copy that a reader needs."""

from __future__ import annotations

from spikewright.compiler.front.describe import described
from spikewright.compiler.front.ir import Graph, Op, Value
from spikewright.compiler.front.ops import Attention
from spikewright.compiler.lower.layout import Layout, Placement
from spikewright.compiler.lower.placement import Reader, place
from spikewright.compiler.target.structure import Shape
from spikewright.cost.cells import Cells
from spikewright.cost.geometry import Lies
from spikewright.cost.latency import best_on
from spikewright.cost.routing import IMAGE, LayCopy, Node, Routing, route


def routing_of(graph: Graph, cells: Cells | None = None) -> Routing:
    """Where the values of a graph go; cells: of every grid, those of the smallest if not given."""
    nodes = [
        Node(op.name, "windows" if op.by_channel else op.kind, op.inputs, op.heads if isinstance(op, Attention) else 0)
        for op in graph.ops
    ]
    return route(nodes, {name: value.grid for name, value in graph.values.items()}, cells)


class LayoutPlan:
    """Homes and layouts of a graph's values on an engine of some shape.

    homes: value → the buffer that it stands in, which has the name of the first value in it; layouts: by buffer, and of
    the copies that readers need.

    even: channels lie in the banks so that lists are even, which takes time; else one after the other, in as many words
    """

    def __init__(self, graph: Graph, shape: Shape, *, even: bool = True) -> None:
        self.graph, self.shape, self.even = graph, shape, even
        self.routing = routing_of(graph, best_on(described(graph), shape)[0])
        self.groups = shape.groups(graph.steps)
        self.homes = {IMAGE: IMAGE}
        for op in graph.ops[:-1]:
            if op.name not in self.routing.fused:
                self.homes[op.name] = self.homes[op.inputs[0]] if op.name in self.routing.in_place else op.name
        self._placements: dict[str, Placement] = {}
        self.layouts = {name: self._layout(name) for name in dict.fromkeys(self.homes.values())}

    def lies(self, value: Value) -> Lies:
        """A value's grid and its cells; a row of tokens where it has none."""
        return self.routing.lies(value.grid, value.tokens)

    def copy_lies(self, copy: LayCopy) -> Lies:
        """The grid of a copy and its cells."""
        return self.routing.copy_lies(copy, self.lies(self.graph.values[copy.value]))

    def slots(self, reader: str, name: str) -> int:
        """Token slots in use of a value as an op reads it; in place of a wider one, its region has more."""
        copy = self.routing.copies.get((reader, name))
        lies = self.lies(self.graph.values[name]) if copy is None else self.copy_lies(copy)
        return lies.cells[0] * lies.cells[1]

    def copied(self, copy: LayCopy) -> Layout:
        """How a copy lies that a reader needs."""
        value, lies = self.graph.values[copy.value], self.copy_lies(copy)
        placement = self._placement(self.routing.roots[copy.value])
        if copy.heads:
            placement = Placement.by_head(value.channels, copy.heads, self.shape.banks)
        return self._laid(lies, placement, value.planes)

    def _laid(self, lies: Lies, placement: Placement, planes: int, *, halo: bool = False) -> Layout:
        tiles = self.shape.tiles(lies.cells[0] * lies.cells[1])
        return Layout(placement, planes, lies.cells, tiles, self.groups, *lies.tile, halo)

    def _layout(self, buffer: str) -> Layout:
        value, shape = self.graph.values[buffer], self.shape
        lies, halo = self.lies(value), buffer in self.routing.halos
        if buffer == IMAGE:
            rows, columns = lies.tile
            still = not self.graph.image.frames
            folded = still and not self.routing.mixed and columns % shape.steps == 0
            width = columns // shape.steps if folded else columns
            tiles = shape.tiles(lies.cells[0] * lies.cells[1])
            placement = Placement.everywhere(value.channels)
            groups = 1 if still else self.groups
            return Layout(
                placement, value.planes, lies.cells, tiles, groups, rows, width, halo, folded, replicated=True
            )  # fmt: skip
        planes = max(self.graph.values[name].planes for name, home in self.homes.items() if home == buffer)
        return self._laid(lies, self._placement(self.routing.roots[buffer]), planes, halo=halo)

    def _placement(self, root: str) -> Placement:
        """Placement of all values whose channels lie as those of ``root``."""
        if root not in self._placements:
            value, banks, heads = self.graph.values[root], self.shape.banks, self.routing.heads.get(root)
            if heads is not None:
                self._placements[root] = Placement.by_head(value.channels, heads, banks)
            elif isinstance(self.graph.op(root), Attention) and self.shape.streams > 1:
                # outputs are paired as the products come: neighbours must not share a bank
                self._placements[root] = Placement.interleaved(value.channels, banks)
            else:
                alike = [name for name, source in self.routing.roots.items() if source == root and self.even]
                self._placements[root] = place(value.channels, banks, [r for name in alike for r in self._lists(name)])
        return self._placements[root]

    def _lists(self, name: str) -> list[Reader]:
        """The layers whose lists depend on where the channels of a value lie."""
        value = self.graph.values[name]
        readers = []
        for op in self._readers(name):
            copy = self.routing.copies.get((op.name, name))
            lies = self.lies(value) if copy is None else self.copy_lies(copy)
            rows, columns = lies.tile
            repeats = rows * columns * self.shape.tiles(self.slots(op.name, name)) * self.groups
            for weighted in op.weighted_sums(self.graph):
                if weighted.source == name:
                    codes = weighted.weights.codes
                    entries = (codes != 0).reshape(codes.shape[0], value.channels, -1)
                    readers.append(Reader(entries.sum(axis=2), value.planes, repeats, self.shape.steps))
        return readers

    def _readers(self, name: str) -> list[Op]:
        return [op for op in self.graph.ops if name in op.inputs]
