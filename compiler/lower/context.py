"""The state of one lowering: what the lowering of every op reads and adds to. It knows no op's lowering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikewright.compiler.front import limits
from spikewright.compiler.front.ir import Graph, Op, Value
from spikewright.compiler.front.neuron import SpikingOp
from spikewright.compiler.front.ops import Add, Attention, Conv, Linear, Select
from spikewright.compiler.lower.buffers import Buffer, Placement
from spikewright.compiler.lower.lists import OutputSlot
from spikewright.compiler.lower.lowered import DescriptorDraft, Lowered, LoweringError
from spikewright.compiler.lower.placement import Reader, place
from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import Shape
from spikewright.cost.geometry import Grid, token_grid

#: The engine's leak, in sixteenths.
LEAK = 8


class Context:
    """A graph on its way to descriptors for an engine of some shape.

    fraction_bits: at least so many on the engine's membrane grid. LoweringError where the graph as a whole does not
    suit the engine.
    """

    def __init__(self, graph: Graph, shape: Shape, fraction_bits: int) -> None:
        self.graph, self.shape = graph, shape
        fractions = [fraction_bits]
        for op in graph.ops:
            fractions += [weighted.fraction_bits for weighted in op.weighted_sums(graph)]
            if isinstance(op, SpikingOp):
                fractions.append(op.neuron.fraction_bits)
                if op.neuron.leak != LEAK:
                    raise LoweringError(f"{op.name}: {limits.LEAK.text(leak=op.neuron.leak, allowed=LEAK)}")
        self.lowered = Lowered(graph, shape, max(fractions))
        self.groups = shape.groups(graph.steps)
        self.last_steps = graph.steps - (self.groups - 1) * shape.steps
        self.uses: dict[str, list[str]] = {}
        for op in graph.ops:
            for name in op.inputs:
                self.uses.setdefault(name, []).append(op.name)
        grids = [value.grid for value in graph.values.values() if value.grid is not None]
        self.token_grid = token_grid(grids)
        for grid in grids:
            if grid[0] % self.token_grid[0] or grid[1] % self.token_grid[1]:
                raise LoweringError(f"grid {grid} is not a multiple of the token grid {self.token_grid}")
        #: (spike operand → the add that takes it) for adds that are done in the write-back of their second operand
        self.fused = graph.additions
        for name, add in self.fused.items():
            branch = graph.op(name)
            if not isinstance(branch, (Conv, Linear)) or self.uses[name] != [add.name]:
                raise LoweringError(f"{add.name}: {limits.ADDED_SPIKES.text(name=name)}")
        self.halos = {op.inputs[0] for op in graph.ops if isinstance(op, Conv)}
        self.attended = {name: op for op in graph.ops if isinstance(op, Attention) for name in op.inputs}

    # ---- where values lie ----------------------------------------------------------------------------------------

    def tile_size(self, value: Value) -> tuple[int, int]:
        """Positions (rows, columns) that a lane holds of a value."""
        if value.grid is None:
            return 1, 1
        return value.grid[0] // self.token_grid[0], value.grid[1] // self.token_grid[1]

    def slots(self, value: Value) -> int:
        """Token slots in use: tokens of the token grid, or of the value once it has no grid."""
        return value.tokens if value.grid is None else self.token_grid[0] * self.token_grid[1]

    def cells(self, unit: int) -> Grid:
        """The lanes' cells of ``unit`` lanes: the token grid, or finer columns for a folded image."""
        fine = self.shape.steps // unit
        rows, columns = self.token_grid
        return Grid(rows, columns * fine, unit, self.shape.lanes)

    def home(self, value: str) -> Buffer:
        """The buffer of a value."""
        return self.lowered.home(value)

    def new_buffer(self, value: Value, *, planes: int, placement: Placement | None = None, groups: int = 0) -> Buffer:
        """A buffer for a value, made when its producer is lowered."""
        rows, columns = self.tile_size(value)
        if placement is None:
            if value.name in self.attended:
                placement = Placement.by_head(value.channels, self.attended[value.name].heads, self.shape.banks)
            else:
                placement = place(value.channels, self.shape.banks, self.readers(value.name))
        now = len(self.lowered.descriptors)
        buffer = Buffer(
            name=value.name,
            placement=placement,
            planes=planes,
            tiles=self.shape.tiles(self.slots(value)),
            groups=groups or self.groups,
            tile_rows=rows,
            tile_columns=columns,
            halo=int(value.name in self.halos),
            first=now,
            last=now,
        )
        self.lowered.buffers[value.name] = buffer
        self.lowered.homes[value.name] = value.name
        return buffer

    def readers(self, name: str) -> list[Reader]:
        """The layers whose lists depend on where the channels of this buffer lie."""
        readers = []
        value = self.graph.values[name]
        rows, columns = self.tile_size(value)
        repeats = rows * columns * self.shape.tiles(self.slots(value)) * self.groups
        for user in self.uses.get(name, []):
            op = self.graph.op(user)
            for weighted in op.weighted_sums(self.graph):
                if weighted.source == name:
                    codes = weighted.weights.codes
                    entries = (codes != 0).reshape(codes.shape[0], value.channels, -1)
                    readers.append(Reader(entries.sum(axis=2), value.planes, repeats, self.shape.steps))
            # the mover works inside a bank: what it makes, and what is updated in place, lies as its source does
            updated = isinstance(op, (Add, Select)) and op.inputs[0] == name and self.in_place(op)
            if op.by_channel or updated:
                readers += self.readers(op.name)
        return readers

    def in_place(self, op: Op) -> bool:
        """Whether ``op`` may overwrite its residual stream: nothing reads it later, or around the word in work."""
        stream = op.inputs[0]
        if self.uses[stream][-1] != op.name or stream in self.halos or op.name in self.halos or stream == "input":
            return False
        if isinstance(op, Select):
            return True
        branch = self.graph.op(op.inputs[1])
        values = self.graph.values
        return branch.inputs[0] != stream and self.tile_size(values[stream]) == self.tile_size(values[op.name])

    def stream_planes(self, name: str) -> int:
        """Planes that a residual stream grows to while it is updated in place."""
        planes = self.graph.values[name].planes
        for op in self.graph.ops:
            if isinstance(op, (Add, Select)) and op.inputs[0] == name and self.in_place(op):
                planes = max(planes, self.stream_planes(op.name))
        return planes

    # ---- descriptors ---------------------------------------------------------------------------------------------

    def touch(self, *names: str) -> None:
        """The descriptor about to be appended reads or writes these values."""
        for name in names:
            buffer = self.home(name)
            buffer.last = max(buffer.last, len(self.lowered.descriptors))

    def append(
        self,
        kind: Kind,
        layer: str,
        fields: Mapping[str, int],
        addresses: Mapping[str, tuple[str, int]],
        cycles: int,
        *,
        outputs: Sequence[tuple[OutputSlot, ...]] = (),
        pairs: int = 0,
        target: str | None = None,
    ) -> None:
        """Append a descriptor; arguments as the fields of ``DescriptorDraft``."""
        draft = DescriptorDraft(kind, layer, fields, addresses, cycles, tuple(outputs), pairs, target)
        self.lowered.descriptors.append(draft)
