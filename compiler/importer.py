"""Package to IR."""

import numpy as np

from spikewright.models.package import (
    IMAGE,
    AddOp,
    AttentionOp,
    ConvOp,
    LinearOp,
    NeuronFormat,
    Package,
    PoolOp,
    SelectOp,
    WeightFormat,
    check,
    shapes,
)
from spikewright.models.package import Op as PackageOp

from . import ir
from .verify import verify


def import_package(package: Package) -> ir.Graph:
    """The graph of a package, verified; PackageError if the package is not valid."""
    network = package.network
    check(network, package.tensors)
    image = ir.ImageInput(**network.input.model_dump(), table=np.array(package.tensors["input.table"], dtype=np.int16))
    values = {
        name: ir.Value(name, 1 if name == IMAGE else network.steps, s.tokens, s.channels, s.grid, s.is_spikes)
        for name, s in shapes(network).items()
    }
    ops = tuple(_op(package, op) for op in network.ops)
    head = ops[-1]
    assert isinstance(head, ir.Head)  # check() saw to it
    values[head.name] = ir.Value(head.name, 1, 1, head.bias.size, None, False)
    graph = ir.Graph(network.name, ir.SCHEMA_VERSION, network.steps, image, ops, values)
    verify(graph)
    return graph


def _op(package: Package, op: PackageOp) -> ir.Op:
    name, inputs = op.name, op.reads

    def wide(part: str) -> np.ndarray:
        return package.tensors[f"{name}.{part}"].astype(np.int64)

    def weights(form: WeightFormat, part: str = "") -> ir.Weights:
        return ir.Weights(form.scheme, form.bits, package.tensors[f"{name}.{part}codes"].copy())

    def neuron(form: NeuronFormat) -> ir.Neuron:
        return ir.Neuron(
            form.leak, form.reset, form.compare, form.fraction_bits, threshold=wide("threshold"), bias=wide("bias")
        )

    if isinstance(op, ConvOp):
        return ir.Conv(name, inputs, weights(op.weights), neuron(op.neuron))
    if isinstance(op, PoolOp):
        return ir.Pool(name, inputs)
    if isinstance(op, AddOp):
        return ir.Add(name, inputs)
    if isinstance(op, LinearOp):
        return ir.Linear(name, inputs, weights(op.weights), neuron(op.neuron))
    if isinstance(op, AttentionOp):
        return ir.Attention(name, inputs, op.heads, neuron(op.neuron))
    if isinstance(op, SelectOp):
        return ir.Select(
            name,
            inputs,
            keep=op.keep,
            hidden=weights(op.hidden.weights, "hidden."),
            hidden_bias=wide("hidden.bias"),
            hidden_fraction_bits=op.hidden.fraction_bits,
            shift=op.hidden.shift,
            score=weights(op.score.weights, "score."),
            score_bias=wide("score.bias"),
            score_fraction_bits=op.score.fraction_bits,
        )
    return ir.Head(name, inputs, weights(op.weights), wide("bias"), op.fraction_bits)
