"""Ops out of the sums of a NIR graph: which op holds them, and the modules with their weights."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor, nn

from spikewright.compress.checkpoint.nir_graph import Floats, node_error
from spikewright.compress.checkpoint.nir_neurons import Dynamics, Timing
from spikewright.compress.checkpoint.nir_sums import PIXELS, MembraneSums, NirValue, Term, as_conv, as_matrix, merged
from spikewright.echo import quoted, shown
from spikewright.models.channel_neuron import ChannelLIF
from spikewright.models.graph import IMAGE, GraphOp
from spikewright.models.graph_network import BRANCH, NEURON, NORM, GraphNetwork
from spikewright.models.layers import Conv3, Dense, Shortcut
from spikewright.models.spikformer import Head

#: Characters of a node's name that go into an op's.
_LONGEST = 60


class OpNames:
    """Names of ops after those of nodes: unlike each other, and such as a module's path may be."""

    def __init__(self) -> None:
        self._taken = {IMAGE}

    def take(self, node: str) -> str:
        """A name for what is made of a node."""
        base = re.sub(r"[^A-Za-z0-9_-]", "_", node)[:_LONGEST]
        if not base or base.startswith("_") or base == "training" or hasattr(GraphNetwork, base):
            base = f"op_{base}"  # what a module has of its own
        name, count = base, 1
        while self._taken & _paths(name):
            count += 1
            name = f"{base}_{count}"
        self._taken |= _paths(name)
        return name


def _paths(name: str) -> set[str]:
    return {name, *(name + suffix for suffix in (NORM, NEURON, BRANCH))}


def _tensor(array: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _filled(layer: nn.Conv2d | nn.Linear, weight: Floats, bias: Floats) -> None:
    layer.weight = nn.Parameter(_tensor(weight))
    if layer.bias is not None:
        layer.bias = nn.Parameter(_tensor(bias))


def firing_op(
    node: str, names: OpNames, sums: MembraneSums, cell: Dynamics, timing: Timing, *, on_grid: bool
) -> tuple[GraphOp, NirValue]:
    """The conv or linear that makes a neuron's spikes, and the value that it gives.

    node: of the neuron; on_grid: what reads it asks for pixels. CheckpointError where no op holds the sums.
    """
    if sums.pooled:
        raise node_error(node, f"what it reads {PIXELS}")
    whole = sums.times(cell.gain)
    terms, bias = merged(whole.terms), whole.bias + cell.offset
    main, joined = _main_and_joined(node, terms)
    outputs, has_bias = sums.shape.channels, bool(bias.any())
    as_grid = on_grid or joined is not None or main.weight.ndim == 4 or main.source.name == IMAGE
    if as_grid and not main.source.grid:
        raise node_error(node, f"reads {quoted(main.source.name)}, which has lost its pixels")
    op_name = names.take(main.node)
    neuron = ChannelLIF(
        _tensor(cell.leak), _tensor(cell.level), tail=2 if as_grid else 0, reset=timing.reset, compare=timing.compare
    )
    inputs = main.source.shape.channels
    if as_grid:
        conv = Conv3(inputs, outputs, bias=has_bias)
        _filled(conv, as_conv(main.weight), bias)
        branch = None if joined is None else (joined.source.name, _branch(joined, outputs))
        op = GraphOp("conv", op_name, (main.source.name,), conv, None, neuron, branch)
    else:
        dense = Dense(inputs, outputs, bias=has_bias)
        _filled(dense, as_matrix(main.weight), bias)
        op = GraphOp("linear", op_name, (main.source.name,), dense, None, neuron)
    return op, NirValue(op_name, sums.shape, np.ones(outputs), grid=as_grid, spikes=True)


def _main_and_joined(node: str, terms: list[Term]) -> tuple[Term, Term | None]:
    """The term that is the op's own, and the one that joins its sums in front of the neuron."""
    names = shown(", ".join(term.source.name for term in terms))
    if len(terms) > 2:
        raise node_error(node, f"{len(terms)} values meet in front of it ({names}); allowed are two")
    if len(terms) == 1:
        return terms[0], None
    convs = [term for term in terms if term.weight.ndim == 4]
    if len(convs) == 2:
        raise node_error(
            node, f"two 3x3 convolutions meet in front of it ({names}); allowed is one, which a 1x1 or a value joins"
        )
    # of two that could be the conv, the one with more weights is, so that the identity stays one
    main = max(convs or [term for term in terms if term.source.grid] or terms, key=lambda term: term.weight.ndim)
    return main, next(term for term in terms if term is not main)


def _branch(term: Term, outputs: int) -> Shortcut:
    weight = term.weight
    branch = Shortcut(term.source.shape.channels, outputs)
    if weight.ndim == 1 and (weight == weight[0]).all():
        branch.scale = float(weight[0])
    else:
        branch.weight = nn.Parameter(_tensor(as_matrix(weight)[:, :, None, None]))
    return branch


def head_op(node: str, names: OpNames, sums: MembraneSums) -> GraphOp:
    """The head that gives the sums of the last synapse as class scores.

    node: in front of the Output.
    """
    terms = merged(sums.terms)
    if len(terms) != 1:
        raise node_error(node, f"{len(terms)} values meet in front of it; a head reads one")
    term = terms[0]
    if term.source.name == IMAGE:
        raise node_error(node, "no neuron stands between the image and it; a head reads what an op makes")
    if sums.shape.pixels > 1:
        raise node_error(node, f"gives {sums.shape}; class scores have no pixels: pool the map to 1x1 in front of it")
    weight = as_matrix(term.weight)
    if weight.ndim == 4:
        weight = weight[:, :, 1, 1]  # of a map of one pixel the others never meet a value
    head = Head(weight.shape[1], weight.shape[0])
    _filled(head, weight, sums.bias)
    return GraphOp("head", names.take(term.node), (term.source.name,), head)


def add_ops(node: str, names: OpNames, values: list[NirValue]) -> tuple[list[GraphOp], NirValue]:
    """The adds that bring several values together in front of a synapse."""
    first, *rest = sorted(values, key=lambda value: value.spikes)  # what is no spikes must be the stream
    ops: list[GraphOp] = []
    for value in rest:
        pairs = f"{quoted(first.name)} and {quoted(value.name)} meet in front of it"
        if IMAGE in (first.name, value.name):
            raise node_error(node, f"{pairs}; the image can only join in front of a neuron")
        if not value.spikes:
            raise node_error(node, f"{pairs}, of which neither is spikes; allowed is one that is not")
        if value.shape != first.shape or not np.array_equal(value.factor, first.factor):
            raise node_error(node, f"{pairs}, of {first.shape} and {value.shape}; shape and scale must be equal")
        op_name = names.take(f"{node}_add")
        ops.append(GraphOp("add", op_name, (first.name, value.name)))
        first = NirValue(op_name, first.shape, first.factor, grid=first.grid and value.grid)
    return ops, first
