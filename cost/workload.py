"""A network's workload: layers and copies in the order in which the engine takes them.

Training tells its networks through ``compress/networks/account.py``, the compiler its graphs through
``compiler/workload.py``: what
follows from a whole network (the token grid, tiles, halos, additions done in a write-back) is derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from spikewright.cost.cycles import HIDDEN_PLANES
from spikewright.cost.description import DescribedOp, Description, Matrix
from spikewright.cost.routing import IMAGE, HeadCopy, Node, route
from spikewright.cost.work import Copy, CopyKind, Layer, LayerKind, Walk


@dataclass(frozen=True)
class Workload:
    """Everything that an image costs, in the engine's order."""

    items: tuple[Layer | Copy, ...]

    @property
    def layers(self) -> list[Layer]:
        """The layers alone, in order."""
        return [item for item in self.items if isinstance(item, Layer)]


def workload(description: Description) -> Workload:
    """The workload of a network that has been told whole."""
    return Workload(tuple(_Derivation(description).items()))


class _Derivation:
    """What follows from a whole network only."""

    def __init__(self, description: Description) -> None:
        self.description, self.values = description, description.values
        nodes = [Node(op.name, op.kind, op.inputs, op.heads) for op in description.ops]
        self.routing = route(nodes, {name: value.grid for name, value in description.values.items()})
        self.copied: set[HeadCopy] = set()

    def items(self) -> Iterator[Layer | Copy]:
        yield self.copy("load", IMAGE)
        yield from self.halo(IMAGE)
        for op in self.description.ops:
            if op.kind == "attention":
                yield from self.by_head(op)
                yield self.attention(op)
            elif op.kind == "add":
                if op.inputs[1] not in self.routing.fused:
                    yield self.passed(op.name, op.inputs[1], added=op)
                    yield from self.halo(op.name)
            elif op.kind == "select":
                yield from self.select(op)
            elif op.kind == "windows":
                copy, source = self.copy("windows", op.name), self.walk(op.inputs[0])
                yield replace(copy, windows=op.windows, source_tile=source.tile)
                yield from self.halo(op.name)
            elif op.kind == "conv" or op.kind == "linear":
                yield self.neurons(op, op.kind)
                add = self.routing.fused.get(op.name)
                yield from self.halo(add.name if add else op.name)
            elif op.kind == "shortcut":
                yield self.layer(op.name, "shortcut", op.inputs[0], op.matrix)
            elif op.kind == "head":
                yield replace(self.layer(op.name, "head", op.inputs[0], op.matrix), places=1, steps=1)

    def walk(self, name: str) -> Walk:
        value, still = self.values[name], name == IMAGE and self.description.still
        if value.grid is None:
            return Walk(value.tokens, steps=self.description.steps)
        rows, columns = self.routing.token_grid
        tile = self.routing.tile(value.grid)
        return Walk(rows * columns, tile, self.description.steps, still, name in self.routing.halos)

    def copy(self, kind: CopyKind, name: str) -> Copy:
        value, routing = self.values[name], self.routing
        heads = routing.heads.get(routing.roots[name], 1)
        return Copy(name, kind, value.channels, value.planes, routing.token_grid, self.walk(name), heads=heads)

    def halo(self, name: str) -> Iterator[Copy]:
        if name in self.routing.halos:
            yield self.copy("halo", name)

    def by_head(self, op: DescribedOp) -> Iterator[Copy]:
        for name in op.inputs:
            copy = self.routing.copies.get((op.name, name))
            if copy is not None and copy not in self.copied:
                self.copied.add(copy)
                moved = replace(self.copy("by head", name), name=copy.name, heads=copy.heads)
                yield moved if copy.moved else self.passed(copy.name, name)

    def passed(self, name: str, spikes: str, added: DescribedOp | None = None) -> Copy:
        """Spikes through the lanes, added to the stream of an addition if there is one."""
        copy = replace(self.copy("pass", spikes), name=name)
        if added is None:
            return copy
        written, captured = self.values[name].planes, self.values[added.inputs[0]].planes
        return replace(copy, walk=replace(copy.walk, out_planes=written, captured=captured))

    def shifted(self, bits: int, fraction_bits: int = 0) -> int:
        """Bits of a parameter that is shifted from a layer's grid to the engine's; 0 stays 0: not known."""
        return bits and bits + self.description.fraction_bits - fraction_bits

    def layer(self, name: str, kind: LayerKind, source: str, matrix: Matrix | None) -> Layer:
        assert matrix is not None
        x, steps = self.values[source], self.description.steps
        return Layer(
            name, kind, matrix.inputs, matrix.outputs, x.tokens, steps, matrix.taps, x.planes, x.spikes,
            matrix.outputs * matrix.inputs * matrix.taps, matrix.kept, matrix.scheme, matrix.bits,
            self.shifted(matrix.parameter_bits, matrix.fraction_bits), walk=self.walk(source),
        )  # fmt: skip

    def neurons(self, op: DescribedOp, kind: LayerKind) -> Layer:
        layer = self.layer(op.name, kind, op.inputs[0], op.matrix)
        add = self.routing.fused.get(op.name)
        if add is None:
            return layer
        written, captured = self.values[add.name].planes, self.values[add.inputs[0]].planes
        return replace(layer, walk=replace(layer.walk, out_planes=written, captured=captured))

    def attention(self, op: DescribedOp) -> Layer:
        query, value = self.values[op.inputs[0]], self.values[op.inputs[2]]
        return Layer(
            op.name, "attention", query.channels, value.channels, query.tokens, self.description.steps,
            parameter_bits=self.shifted(op.parameter_bits), heads=op.heads, walk=self.walk(op.inputs[0]),
        )  # fmt: skip

    def select(self, op: DescribedOp) -> Iterator[Layer | Copy]:
        walk = self.walk(op.inputs[0])
        score_bits = 0
        if op.matrix is not None and op.score is not None:
            # the mean over the steps comes first, so the papers' MLP runs once
            hidden = replace(self.layer(f"{op.name}.hidden", "hidden", op.inputs[0], op.matrix), steps=1)
            shift = op.shift + self.description.fraction_bits - op.matrix.fraction_bits
            yield replace(hidden, walk=replace(walk, out_planes=HIDDEN_PLANES, shift=shift))
            score = self.layer(f"{op.name}.score", "score", op.inputs[0], op.score)
            yield replace(score, steps=1, planes=HIDDEN_PLANES, spikes=False, walk=Walk(walk.slots))
            score_bits = op.score_bits + self.description.fraction_bits - op.score.fraction_bits
        yield replace(self.copy("compact", op.inputs[0]), name=op.name, keep=op.keep, score_bits=score_bits)
