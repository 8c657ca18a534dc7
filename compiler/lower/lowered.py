"""What lowering makes: descriptors to be, buffers and tables, before they are packed into ROMs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spikewright.compiler.front.ir import Graph
from spikewright.compiler.lower.buffers import Buffer
from spikewright.compiler.lower.lists import OutputSlot
from spikewright.compiler.lower.taps import TapTable
from spikewright.compiler.target.descriptors import Descriptor, Kind
from spikewright.compiler.target.structure import Shape
from spikewright.cost.geometry import Lies
from spikewright.cost.routing import Routing

#: Regions of the mover's tables that a selector writes.
PLAN_TAPS, PLAN_MASKS = "plan taps", "plan masks"


@dataclass(frozen=True)
class DescriptorDraft:
    """A descriptor to be: its fields may still name buffers, which get their addresses last."""

    kind: Kind
    layer: str
    fields: Mapping[str, int]
    addresses: Mapping[str, tuple[str, int]]  # field → (buffer, offset)
    cycles: int  # predicted, skipping off
    outputs: tuple[tuple[OutputSlot, ...], ...] = ()
    pairs: int = 0  # (entry, plane) pairs that are issued with skipping off
    target: str | None = None  # buffer that the outputs' offsets refer to
    completes: str | None = None  # value that stands in its home once this is done
    spikes: str | None = None  # op whose spikes are its finished words, and stand nowhere else

    def descriptor(self, lowered: Lowered) -> Descriptor:
        """The final descriptor, once the buffers have bases."""
        fields = dict(self.fields)
        for name, (buffer, offset) in self.addresses.items():
            fields[name] = lowered.base(buffer) + offset
        return Descriptor(self.kind, self.layer, fields)


@dataclass(eq=False)
class Lowered:
    """Everything the accelerator needs for one network, before it is packed into ROMs."""

    graph: Graph
    shape: Shape
    fraction_bits: int
    leaks: bool  # neurons have leaks of their own
    routing: Routing
    homes: Mapping[str, str]  # value → buffer
    lies: Mapping[str, Lies]  # value → its grid and cells
    descriptors: list[DescriptorDraft] = field(default_factory=list)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    table: TapTable = field(default_factory=TapTable)
    plan_entries: int = 0  # taps (and masks) that the token selectors write at run time, behind the static ones
    product_depth: int = 1
    bank_depth: int = 0
    passes: bool = False  # whether spikes go through the lanes unchanged anywhere

    def base(self, region: str) -> int:
        """Address of a buffer; ``PLAN_TAPS`` and ``PLAN_MASKS`` are the regions behind the static taps and masks."""
        if region == PLAN_TAPS:
            return len(self.table.taps)
        if region == PLAN_MASKS:
            return len(self.table.masks)
        return self.buffers[region].base

    def home(self, value: str) -> Buffer:
        """The buffer of a value."""
        return self.buffers[self.homes[value]]
