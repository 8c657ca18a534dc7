"""The state of one lowering: what the lowering of every op reads and adds to. It knows no op's lowering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikewright.compiler.front import limits
from spikewright.compiler.front.ir import Graph, Value
from spikewright.compiler.front.neuron import SpikingOp
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import OutputSlot
from spikewright.compiler.lower.lowered import DescriptorDraft, Lowered, LoweringError
from spikewright.compiler.lower.plan import LayoutPlan
from spikewright.compiler.target.descriptors import Kind, without_idle_strides
from spikewright.compiler.target.structure import Shape
from spikewright.cost.geometry import Grid
from spikewright.cost.routing import Routing

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
        self.plan = LayoutPlan(graph, shape)
        self.lowered = Lowered(graph, shape, max(fractions), homes=self.plan.homes)
        self.groups = self.plan.groups
        self.last_steps = graph.steps - (self.groups - 1) * shape.steps

    @property
    def routing(self) -> Routing:
        """Where values go, whatever the shape."""
        return self.plan.routing

    def slots(self, value: Value) -> int:
        """Token slots in use."""
        return self.plan.slots(value)

    def cells(self, layout: Layout) -> Grid:
        """The lanes' cells: the token grid, or a lane each with finer columns for a folded image."""
        unit = 1 if layout.folded else self.shape.steps
        rows, columns = self.routing.token_grid
        return Grid(rows, columns * (self.shape.steps // unit), unit, self.shape.lanes)

    # ---- buffers -------------------------------------------------------------------------------------------------

    def home(self, value: str) -> Buffer:
        """The buffer of a value that has been made."""
        return self.lowered.home(value)

    def make(self, value: str) -> Buffer:
        """Where a value is about to be written: a new buffer, or its stream's where it is updated in place."""
        name = self.plan.homes[value]
        return self.lowered.buffers[name] if name in self.lowered.buffers else self.add(name, self.plan.layouts[name])

    def add(self, name: str, layout: Layout) -> Buffer:
        """A new buffer."""
        now = len(self.lowered.descriptors)
        buffer = self.lowered.buffers[name] = Buffer(name, layout, first=now, last=now)
        return buffer

    # ---- descriptors ---------------------------------------------------------------------------------------------

    def append(
        self,
        kind: Kind,
        layer: str,
        fields: Mapping[str, int],
        addresses: Mapping[str, tuple[str, int]],
        cycles: int,
        *,
        uses: Sequence[Buffer] = (),
        outputs: Sequence[tuple[OutputSlot, ...]] = (),
        pairs: int = 0,
        target: str | None = None,
        completes: str | None = None,
        spikes: str | None = None,
    ) -> None:
        """Append a descriptor; uses: buffers that it reads or writes, the rest as in ``DescriptorDraft``."""
        for buffer in uses:
            buffer.last = len(self.lowered.descriptors)
        draft = DescriptorDraft(
            kind, layer, without_idle_strides(kind, fields), addresses, cycles, tuple(outputs), pairs, target,
            completes, spikes,
        )  # fmt: skip
        self.lowered.descriptors.append(draft)
