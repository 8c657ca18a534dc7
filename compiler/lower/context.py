"""The state of one lowering: what the lowering of every op reads and adds to. It knows no op's lowering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikewright.compiler.front.ir import Graph, Op
from spikewright.compiler.front.neuron import Neuron, SpikingOp, own_leaks
from spikewright.compiler.front.ops import Add
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.layout import Layout
from spikewright.compiler.lower.lists import OutputSlot
from spikewright.compiler.lower.lowered import DescriptorDraft, Lowered
from spikewright.compiler.lower.plan import LayoutPlan
from spikewright.compiler.target.descriptors import Kind, without_idle_strides
from spikewright.compiler.target.structure import Shape
from spikewright.cost.cycles import LEAK_PACE, lif_cycles
from spikewright.cost.geometry import Grid
from spikewright.cost.routing import Routing


class Context:
    """A graph on its way to descriptors for an engine of some shape.

    fraction_bits: at least so many on the engine's membrane grid; leaks: its neurons have leaks of their own, whether
    the graph needs them or not.
    """

    def __init__(self, graph: Graph, shape: Shape, fraction_bits: int, leaks: bool) -> None:
        self.graph, self.shape = graph, shape
        fractions = [fraction_bits]
        for op in graph.ops:
            fractions += [weighted.fraction_bits for weighted in op.weighted_sums(graph)]
            if isinstance(op, SpikingOp):
                fractions.append(op.neuron.fraction_bits)
        self.plan = LayoutPlan(graph, shape)
        lies = {name: self.plan.lies(value) for name, value in graph.values.items()}
        self.lowered = Lowered(
            graph, shape, max(fractions), leaks or own_leaks(graph), self.plan.routing, self.plan.homes, lies
        )
        self.groups = self.plan.groups
        self.last_steps = graph.steps - (self.groups - 1) * shape.steps

    @property
    def routing(self) -> Routing:
        """Where values go."""
        return self.plan.routing

    def added(self, op: Op) -> Add | None:
        """The addition that the write-back of an op does."""
        node = self.routing.fused.get(op.name)
        if node is None:
            return None
        add = self.graph.op(node.name)
        assert isinstance(add, Add)
        return add

    def cells(self, layout: Layout) -> Grid:
        """The lanes' cells, of ``steps`` lanes each, or of one with finer columns for a folded image."""
        unit = 1 if layout.folded else self.shape.steps
        rows, columns = layout.cells
        return Grid(rows, columns * (self.shape.steps // unit), unit, self.shape.lanes)

    def coarse(self, neuron: Neuron) -> int:
        """Bits by which the grid of neurons is coarser than the engine's, where that matters: halves need no rounding.

        The floor of half a floor is the floor of the half (and so with ceilings); with other leaks it is not.
        """
        return self.lowered.fraction_bits - neuron.fraction_bits if self.lowered.leaks else 0

    def lif_cycles(self, *, fold_groups: int = 0, shift: int = 0) -> int:
        """Cycles that a sum is in the LIF array, as in the cost model."""
        pace = LEAK_PACE if self.lowered.leaks else 1
        return lif_cycles(self.shape.steps, pace=pace, fold_groups=fold_groups, shift=shift)

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
