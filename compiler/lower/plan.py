"""Layout plan: how every value lies, before any op is lowered. What cannot lie as its reader needs is refused."""

from __future__ import annotations

from spikewright.compiler.front import limits
from spikewright.compiler.front.ir import Graph, Op, Value
from spikewright.compiler.front.ops import Add, Attention, Conv
from spikewright.compiler.lower.layout import Layout, Placement
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.lower.placement import Reader, place
from spikewright.compiler.target.structure import Shape
from spikewright.cost.routing import IMAGE, HeadCopy, Node, Routing, route


def routing_of(graph: Graph) -> Routing:
    """Where the values of a graph go."""
    nodes = [
        Node(op.name, "windows" if op.by_channel else op.kind, op.inputs, op.heads if isinstance(op, Attention) else 0)
        for op in graph.ops
    ]
    return route(nodes, {name: value.grid for name, value in graph.values.items()})


class LayoutPlan:
    """Homes and layouts of a graph's values on an engine of some shape.

    homes: value → the buffer that it stands in, which has the name of the first value in it; layouts: by buffer.
    LoweringError, with op, value and remedy, where a reader needs what the engine has no layout for.
    """

    def __init__(self, graph: Graph, shape: Shape) -> None:
        self.graph, self.shape = graph, shape
        self.routing = routing_of(graph)
        self._check_grids()
        self.groups = shape.groups(graph.steps)
        self.homes = {IMAGE: IMAGE}
        self.head_copies = {copy.name: copy for copy in self.routing.copies.values()}
        for op in graph.ops[:-1]:
            if op.name not in self.routing.fused:
                self.homes[op.name] = self.homes[op.inputs[0]] if op.name in self.routing.in_place else op.name
        self._placements: dict[str, Placement] = {}
        self.layouts = {name: self._layout(name) for name in dict.fromkeys(self.homes.values())}
        self.layouts |= {name: self._by_head(copy) for name, copy in self.head_copies.items()}

    def tile(self, value: Value) -> tuple[int, int]:
        """Positions (rows, columns) that a token slot holds of a value."""
        return self.routing.tile(value.grid)

    def slots(self, value: Value) -> int:
        """Token slots in use: tokens of the token grid, or of the value once it has no grid."""
        rows, columns = self.routing.token_grid
        return value.tokens if value.grid is None else rows * columns

    def _check_grids(self) -> None:
        for op in self.graph.ops:
            if isinstance(op, Conv | Add) or op.by_channel:
                continue
            for name in op.inputs:
                grid = self.graph.values[name].grid
                if grid is not None and self.routing.tile(grid) != (1, 1):
                    token_grid = self.routing.token_grid
                    smallest = next(value.name for value in self.graph.values.values() if value.grid == token_grid)
                    refusal = limits.TOKEN_GRID.text(
                        op=op.kind, value=name, grid=_words(grid), token_grid=_words(token_grid), smallest=smallest
                    )
                    raise LoweringError(f"{op.name}: {refusal}")

    def _layout(self, buffer: str) -> Layout:
        value, shape = self.graph.values[buffer], self.shape
        rows, columns = self.tile(value)
        tiles = shape.tiles(self.slots(value))
        halo = buffer in self.routing.halos
        if buffer == IMAGE:
            folded = columns % shape.steps == 0
            width = columns // shape.steps if folded else columns
            placement = Placement.everywhere(value.channels)
            return Layout(placement, value.planes, tiles, 1, rows, width, halo, folded, replicated=True)
        planes = max(self.graph.values[name].planes for name, home in self.homes.items() if home == buffer)
        placement = self._placement(self.routing.roots[buffer])
        return Layout(placement, planes, tiles, self.groups, rows, columns, halo)

    def _by_head(self, copy: HeadCopy) -> Layout:
        value = self.graph.values[copy.value]
        placement = Placement.by_head(value.channels, copy.heads, self.shape.banks)
        return Layout(placement, 1, self.shape.tiles(self.slots(value)), self.groups)

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
                alike = [name for name, source in self.routing.roots.items() if source == root]
                self._placements[root] = place(value.channels, banks, [r for name in alike for r in self._lists(name)])
        return self._placements[root]

    def _lists(self, name: str) -> list[Reader]:
        """The layers whose lists depend on where the channels of a value lie."""
        value = self.graph.values[name]
        rows, columns = self.tile(value)
        repeats = rows * columns * self.shape.tiles(self.slots(value)) * self.groups
        readers = []
        for op in self._readers(name):
            for weighted in op.weighted_sums(self.graph):
                if weighted.source == name:
                    codes = weighted.weights.codes
                    entries = (codes != 0).reshape(codes.shape[0], value.channels, -1)
                    readers.append(Reader(entries.sum(axis=2), value.planes, repeats, self.shape.steps))
        return readers

    def _readers(self, name: str) -> list[Op]:
        return [op for op in self.graph.ops if name in op.inputs]


def _words(grid: tuple[int, int]) -> str:
    return f"{grid[0]}x{grid[1]}"
