"""A network's workload: layers and copies in the order in which the engine takes them.

Training tells its networks through ``compress/networks/account.py``, the compiler its graphs through
``compiler/workload.py``: what follows from a whole network (the token grid, tiles, halos, additions done in a
write-back) is derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from spikewright.cost.cells import Cells
from spikewright.cost.cycles import HIDDEN_PLANES, LEAK_PACE
from spikewright.cost.description import DescribedOp, Description, Matrix
from spikewright.cost.geometry import Lies
from spikewright.cost.routing import IMAGE, LayCopy, Node, route
from spikewright.cost.work import Copy, CopyKind, Layer, LayerKind, Walk


@dataclass(frozen=True)
class Workload:
    """Everything that an image costs, in the engine's order.

    An engine whose words the smallest grid does not fill may take other copies (``spikewright.cost.latency.best_on``).
    """

    items: tuple[Layer | Copy, ...]
    description: Description = field(compare=False)

    @property
    def layers(self) -> list[Layer]:
        """The layers alone, in order."""
        return [item for item in self.items if isinstance(item, Layer)]


def workload(description: Description, cells: Cells | None = None) -> Workload:
    """The workload of a network that has been told whole; cells: of every grid, those of the smallest if not given."""
    return Workload(tuple(_Derivation(description, cells).items()), description)


class _Derivation:
    """What follows from a whole network only."""

    def __init__(self, description: Description, cells: Cells | None) -> None:
        self.description, self.values = description, description.values
        nodes = [Node(op.name, op.kind, op.inputs, op.heads) for op in description.ops]
        self.routing = route(nodes, {name: value.grid for name, value in description.values.items()}, cells)
        self.copied: set[str] = set()
        self.pace = LEAK_PACE if description.leaks else 1

    def items(self) -> Iterator[Layer | Copy]:
        yield self.copy("load", IMAGE)
        yield from self.halo(IMAGE)
        for op in self.description.ops:
            if op.kind == "attention":
                yield from self.copies(op.name, op.inputs)
                yield self.attention(op)
            elif op.kind == "add":
                if op.inputs[1] not in self.routing.fused:
                    yield from self.copies(op.name, op.inputs)
                    yield self.passed(op.name, op.inputs[1], added=op)
                    yield from self.halo(op.name)
            elif op.kind == "select":
                yield from self.copies(op.name, op.inputs)
                yield from self.select(op)
            elif op.kind == "windows":
                yield replace(
                    self.copy("windows", op.name), windows=op.windows, come=self.lies(op.inputs[0]), pool=op.pool
                )
                yield from self.halo(op.name)
            elif op.kind == "conv" or op.kind == "linear":
                yield from self.copies(op.name, op.inputs)
                add = self.routing.fused.get(op.name)
                if add is not None:
                    yield from self.copies(add.name, add.inputs[:1])
                yield self.neurons(op, op.kind)
                if op.shortcut is not None and op.shortcut.inputs:
                    yield self.layer(f"{op.name}.shortcut", "shortcut", op.inputs[1], op.shortcut)
                yield from self.halo(add.name if add else op.name)
            elif op.kind == "head":
                yield replace(self.layer(op.name, "head", op.inputs[0], op.matrix), places=1, steps=1)

    def lies(self, name: str) -> Lies:
        value = self.values[name]
        return self.routing.lies(value.grid, value.tokens)

    def walk(self, name: str, *, by_token: bool = False) -> Walk:
        """The engine's way over a value; by_token: over a copy with a slot for each token."""
        value, still = self.values[name], name == IMAGE and self.description.still
        if value.grid is None or by_token:
            return Walk(value.tokens, steps=self.description.steps, pace=self.pace)
        rows, columns = self.routing.cells[value.grid]
        tile = self.routing.tile(value.grid)
        return Walk(
            rows * columns, tile, self.description.steps, still, name == IMAGE, self.routing.mixed,
            name in self.routing.halos, pace=self.pace,
        )  # fmt: skip

    def copy(self, kind: CopyKind, name: str) -> Copy:
        value, routing = self.values[name], self.routing
        heads = routing.heads.get(routing.roots[name], 1)
        lies = self.lies(name)
        return Copy(name, kind, value.channels, value.planes, lies, self.walk(name), come=lies, heads=heads)

    def halo(self, name: str) -> Iterator[Copy]:
        if name in self.routing.halos:
            yield self.copy("halo", name)

    def copies(self, reader: str, names: tuple[str, ...]) -> Iterator[Copy]:
        """The copies that an op reads in place of values, those that are not there yet."""
        for name in names:
            copy = self.routing.copies.get((reader, name))
            if copy is not None:
                yield from self.copied_as(copy)

    def copied_as(self, copy: LayCopy) -> Iterator[Copy]:
        if copy.name in self.copied:
            return
        self.copied.add(copy.name)
        come = self.lies(copy.value)
        by_token = come.tile != (1, 1)
        if not copy.moved:
            if by_token:
                yield from self.copied_as(LayCopy(copy.value))
            yield self.passed(copy.name, copy.value, by_token=by_token)
            return
        go = self.routing.copy_lies(copy, come)
        walk = self.walk(copy.value, by_token=True)
        if copy.grid is not None:
            come = Lies(copy.grid, copy.grid)
            walk = replace(walk, slots=go.cells[0] * go.cells[1], tile=go.tile)
        copied = self.copy("lay", copy.value)
        yield replace(copied, name=copy.name, come=come, go=go, walk=walk, heads=copy.heads or copied.heads)

    def passed(self, name: str, spikes: str, added: DescribedOp | None = None, *, by_token: bool = False) -> Copy:
        """Spikes through the lanes, added to the stream of an addition if there is one."""
        by_token = by_token or (name, spikes) in self.routing.copies
        copy = replace(self.copy("pass", spikes), name=name, walk=self.walk(spikes, by_token=by_token))
        if added is None:
            return copy
        written, captured = self.values[name].planes, self.values[added.inputs[0]].planes
        return replace(copy, walk=replace(copy.walk, out_planes=written, captured=captured))

    def shifted(self, bits: int, fraction_bits: int = 0) -> int:
        """Bits of a parameter that is shifted from a layer's grid to the engine's; 0 stays 0: not known."""
        return bits and bits + self.description.fraction_bits - fraction_bits

    def layer(self, name: str, kind: LayerKind, source: str, matrix: Matrix | None) -> Layer:
        assert matrix is not None
        by_token = kind in ("linear", "hidden", "score")
        x, steps = self.values[source], self.description.steps
        return Layer(
            name, kind, matrix.inputs, matrix.outputs, x.tokens, steps, matrix.taps, x.planes, x.spikes,
            matrix.outputs * matrix.inputs * matrix.taps, matrix.kept, matrix.scheme, matrix.bits,
            self.shifted(matrix.parameter_bits, matrix.fraction_bits), walk=self.walk(source, by_token=by_token),
        )  # fmt: skip

    def neurons(self, op: DescribedOp, kind: LayerKind) -> Layer:
        layer = self.layer(op.name, kind, op.inputs[0], op.matrix)
        add, shortcut = self.routing.fused.get(op.name), op.shortcut
        if shortcut is not None:
            joined = self.values[op.inputs[1]]
            walk = replace(layer.walk, captured=joined.planes)
            gains = 0 if shortcut.inputs else shortcut.kept
            bits = shortcut.bits if gains else 0
            return replace(layer, walk=walk, joined=shortcut.kept, gains=gains, gain_bits=bits)
        if add is None:
            return layer
        written, captured = self.values[add.name].planes, self.values[add.inputs[0]].planes
        return replace(layer, walk=replace(layer.walk, out_planes=written, captured=captured))

    def attention(self, op: DescribedOp) -> Layer:
        query, value = self.values[op.inputs[0]], self.values[op.inputs[2]]
        return Layer(
            op.name, "attention", query.channels, value.channels, query.tokens, self.description.steps,
            parameter_bits=self.shifted(op.parameter_bits), heads=op.heads, walk=self.walk(op.inputs[0], by_token=True),
        )  # fmt: skip

    def select(self, op: DescribedOp) -> Iterator[Layer | Copy]:
        walk = self.walk(op.inputs[0], by_token=True)
        score_bits = 0
        if op.matrix is not None and op.score is not None:
            # the mean over the steps comes first, so the papers' MLP runs once
            hidden = replace(self.layer(f"{op.name}.hidden", "hidden", op.inputs[0], op.matrix), steps=1)
            shift = op.shift + self.description.fraction_bits - op.matrix.fraction_bits
            yield replace(hidden, walk=replace(walk, out_planes=HIDDEN_PLANES, shift=shift))
            score = self.layer(f"{op.name}.score", "score", op.inputs[0], op.score)
            yield replace(score, steps=1, planes=HIDDEN_PLANES, spikes=False, walk=Walk(walk.slots, pace=self.pace))
            score_bits = op.score_bits + self.description.fraction_bits - op.score.fraction_bits
        compact = replace(self.copy("compact", op.inputs[0]), walk=walk)
        yield replace(compact, name=op.name, keep=op.keep, score_bits=score_bits)
