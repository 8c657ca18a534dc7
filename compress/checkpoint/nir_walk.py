"""The nodes of a NIR graph one after another, as ops, or as what is still to meet in front of one."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_graph import Floats, NirGraph, NirNode, node_error
from spikewright.compress.checkpoint.nir_neurons import MapShape, Timing, array_of, by_channel, dynamics
from spikewright.compress.checkpoint.nir_ops import OpNames, add_ops, firing_op, head_op
from spikewright.compress.checkpoint.nir_sums import MembraneSums, NirValue, identity, pair, synapse
from spikewright.echo import quoted
from spikewright.models.channel_neuron import ChannelLIF
from spikewright.models.graph import IMAGE, GraphOp

NEURONS, SYNAPSES, POOLS = ("LIF", "IF"), ("Conv2d", "Linear", "Affine"), ("AvgPool2d", "SumPool2d")


class RoundedLeak(NamedTuple):
    """Leaks of an op by channel, float64 [C]: as the file gives them, and as a package holds them."""

    given: Floats
    rounded: Floats


def _wants_pixels(graph: NirGraph, order: list[str]) -> dict[str, bool]:
    """Of each node, whether something behind it asks for pixels: a pool, a 3×3 convolution, sums that meet."""

    def asks(name: str) -> bool:
        node = graph.nodes[name]
        is_3x3 = node.kind == "Conv2d" and node.arrays.get("weight", np.zeros(0)).shape[-1:] == (3,)
        return node.kind in POOLS or is_3x3 or (node.kind in NEURONS and len(graph.before(name)) > 1)

    wants: dict[str, bool] = {}
    for name in reversed(order):
        wants[name] = any(asks(behind) or wants[behind] for behind in graph.behind(name))
    return wants


class NirWalk:
    """Ops, as the nodes are visited one after another.

    order: of the nodes; timing: of a graph that has neurons; given: (C, H, W) of the image, where the file has none.
    """

    def __init__(
        self, graph: NirGraph, order: list[str], timing: Timing | None, given: tuple[int, int, int] | None
    ) -> None:
        self.graph, self.timing, self.given = graph, timing, given
        self.on_grid = _wants_pixels(graph, order)
        for kind in ("Input", "Output"):
            if (count := sum(node.kind == kind for node in graph.nodes.values())) != 1:
                raise CheckpointError(f"the graph has {count} nodes of kind {kind}; allowed is one")
        self.made: dict[str, NirValue | MembraneSums] = {}
        self.ops: list[GraphOp] = []
        self.names = OpNames()
        self.notes: list[str] = []
        self.rounded: dict[str, RoundedLeak] = {}
        self.firing: dict[str, str] = {}
        self.image, self.classes = MapShape(0, 0, 0), 0

    def visit(self, name: str, node: NirNode) -> None:
        """Take a node whose inputs are made."""
        reads = [self.made[before] for before in self.graph.before(name)]
        if bool(reads) == (node.kind == "Input"):
            raise node_error(name, "reads what another makes; an Input reads none" if reads else "reads nothing")
        if node.kind != "Output" and not self.graph.behind(name):
            raise node_error(name, "nothing reads what it makes; allowed are nodes that lead to the Output")
        if node.kind == "Input":
            self.made[name] = self._input(name, node)
        elif node.kind in NEURONS:
            self.made[name] = self._neuron(name, node, reads)
        elif node.kind in SYNAPSES:
            self.made[name] = synapse(name, node, self._value(name, reads))
        elif len(reads) > 1:
            raise node_error(name, f"{len(reads)} values meet in front of it; allowed are neurons and synapses there")
        elif node.kind in POOLS:
            self.made[name] = self._pool(name, node, reads[0])
        elif node.kind == "Flatten":
            self.made[name] = self._flatten(name, node, reads[0])
        elif node.kind == "Scale":
            self.made[name] = self._scale(name, node, reads[0])
        else:
            self._output(name, node, reads[0])

    def _input(self, name: str, node: NirNode) -> NirValue:
        told = [int(n) for n in node.arrays.get("shape", np.zeros(0)).reshape(-1)]
        if not told and self.given is None:
            raise node_error(name, "has no shape: give the image's, channels, rows and columns, by --input-shape")
        if len(told) not in (0, 1, 3) or min(told, default=1) < 1:
            raise node_error(name, f"its shape is {told}; allowed are channels, rows and columns, or one axis")
        axes = tuple(told) or self.given or ()
        shape = MapShape(axes[0], 1, 1, flat=True) if len(axes) == 1 else MapShape(axes[0], axes[1], axes[2])
        if self.given is not None and self.given != shape[:3]:
            raise node_error(name, f"its shape is {shape}, not the {MapShape(*self.given)} of --input-shape")
        readers = [self.graph.nodes[behind].kind for behind in self.graph.behind(name)]
        if shape.pixels > 1 and set(readers) == {"Flatten"}:
            self.notes.append(
                f"the image is one pixel of {shape.channels * shape.pixels} channels: give the numbers of an image in "
                "the order of channel, row, column"
            )
            self.image = MapShape(shape.channels * shape.pixels, 1, 1)
            return NirValue(IMAGE, shape, np.ones(self.image.channels))
        self.image = shape
        return NirValue(IMAGE, shape, np.ones(shape.channels))

    def _value(self, name: str, reads: list[NirValue | MembraneSums]) -> NirValue:
        """What a synapse reads: the sum of several values is an add."""
        values = [read for read in reads if isinstance(read, NirValue)]
        if len(values) != len(reads):
            raise node_error(
                name, "reads sums that no neuron has taken; a LIF or an IF must stand between two synapses"
            )
        if len(values) == 1:
            return values[0]
        ops, value = add_ops(name, self.names, values)
        self.ops += ops
        return value

    def _neuron(self, name: str, node: NirNode, reads: list[NirValue | MembraneSums]) -> NirValue:
        assert self.timing is not None
        sums = [identity(name, read) if isinstance(read, NirValue) else read for read in reads]
        shape = sums[0].shape
        if other := [one.shape for one in sums if one.shape != shape]:
            raise node_error(name, f"sums of {shape} and {other[0]} meet in front of it; they must be equal")
        whole = MembraneSums(
            tuple(term for one in sums for term in one.terms),
            np.sum([one.bias for one in sums], axis=0),
            shape,
            any(one.pooled for one in sums),
        )
        cell = dynamics(name, node, shape, self.timing)
        op, value = firing_op(name, self.names, whole, cell, self.timing, on_grid=self.on_grid[name])
        self.ops.append(op)
        self.firing[name] = op.name
        self._tell_leaks(name, op, cell.leak)
        if cell.offset.any():
            self.notes.append(f"{op.name}: membranes begin at 0, not at v_leak")
        return value

    def _tell_leaks(self, name: str, op: GraphOp, leak: Floats) -> None:
        assert isinstance(op.neuron, ChannelLIF)
        rounded = op.neuron.sixteenths().numpy() / 16
        if not np.array_equal(rounded, leak):
            self.rounded[op.name] = RoundedLeak(leak, rounded)
        if bool(((rounded == 1) & (leak < 1)).any()):
            self.notes.append(f"{op.name}: leaks of node {quoted(name)} round to 1, so that it forgets nothing")

    def _pool(self, name: str, node: NirNode, read: NirValue | MembraneSums) -> NirValue:
        if not (isinstance(read, NirValue) and read.spikes):
            raise node_error(name, "reads what are no spikes; a pool stands behind a LIF or an IF")
        found = pair(name, node, "kernel_size"), pair(name, node, "stride"), pair(name, node, "padding")
        if found != ((2, 2), (2, 2), (0, 0)):
            raise node_error(name, f"has kernel, stride, padding {found}; allowed are 2, 2 and 0")
        shape = read.shape
        if shape.flat or shape.height % 2 or shape.width % 2:
            raise node_error(name, f"reads {shape}; allowed is an even number of rows and columns")
        op_name = self.names.take(name)
        self.ops.append(GraphOp("pool", op_name, (read.name,), function="count"))
        factor = read.factor / 4 if node.kind == "AvgPool2d" else read.factor
        return NirValue(op_name, MapShape(shape.channels, shape.height // 2, shape.width // 2), factor)

    def _flatten(self, name: str, node: NirNode, read: NirValue | MembraneSums) -> NirValue | MembraneSums:
        axes = 1 if read.shape.flat else 3
        first, last = (int(array_of(name, node, what).reshape(-1)[0]) for what in ("start_dim", "end_dim"))
        if first not in (0, -axes) or last not in (-1, axes - 1):
            raise node_error(
                name, f"flattens axes {first} to {last} of {read.shape}; allowed is 0 to -1, NIR has no batch"
            )
        flat = replace(read, shape=read.shape._replace(flat=True))
        if isinstance(flat, NirValue) and flat.name == IMAGE and flat.shape.pixels > 1:
            if self.image.pixels > 1:
                raise node_error(name, "flattens an image that others read by its pixels; allowed is one of the two")
            return replace(flat, shape=MapShape(self.image.channels, 1, 1, flat=True))
        return flat

    def _scale(self, name: str, node: NirNode, read: NirValue | MembraneSums) -> NirValue | MembraneSums:
        scale = by_channel(name, node, "scale", read.shape)
        if (scale <= 0).any():
            raise node_error(name, f"its scale is {scale.min():g}; allowed is what is above 0")
        return read.times(scale) if isinstance(read, MembraneSums) else replace(read, factor=read.factor * scale)

    def _output(self, name: str, node: NirNode, read: NirValue | MembraneSums) -> None:
        before = self.graph.before(name)[0]
        if isinstance(read, NirValue):
            self.notes.append(f"the network ends in node {quoted(before)}: its spikes are counted as the class scores")
            read = identity("head", read)
        self.ops.append(head_op(before, self.names, read))
        self.classes = read.shape.channels
        told = array_of(name, node, "shape") if "shape" in node.arrays else np.zeros(0)
        if told.size and int(told.prod()) != self.classes:
            raise node_error(name, f"its shape is {told.tolist()}, but {quoted(before)} gives {read.shape}")
