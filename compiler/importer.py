"""Package to IR."""

import numpy as np

from spikewright.models.package import (
    IMAGE,
    AddOp,
    AttentionOp,
    ConvOp,
    LinearOp,
    Network,
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
    _refuse(network)
    image = ir.ImageInput(
        **network.input.model_dump(exclude={"frames"}), table=np.array(package.tensors["input.table"], dtype=np.int16)
    )
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


def _refuse(network: Network) -> None:
    """What packages may hold and no engine is built for yet: IRError, by name."""
    made = shapes(network)
    if network.input.frames:
        raise ir.IRError("input: frames, an image of its own for each step, are not built yet")
    for op in network.ops:
        what = None
        if isinstance(op, (ConvOp, LinearOp, AttentionOp)) and op.neuron.leak is None:
            what = "a leak for each channel"
        elif isinstance(op, ConvOp) and op.shortcut is not None:
            what = "a shortcut into the membrane"
        elif isinstance(op, PoolOp) and op.function != "or":
            what = "a pool that counts spikes"
        elif isinstance(op, AddOp) and op.limit is not None:
            what = "a limit of the residual stream"
        elif isinstance(op, AttentionOp) and made[op.value].channels != made[op.query].channels:
            what = f"attention with {made[op.query].channels} query and {made[op.value].channels} value channels"
        if what is not None:
            raise ir.IRError(f"{op.name}: {what} is not built yet")


def _op(package: Package, op: PackageOp) -> ir.Op:
    name, inputs = op.name, op.reads

    def wide(part: str) -> np.ndarray:
        return package.tensors[f"{name}.{part}"].astype(np.int64)

    def weights(form: WeightFormat, part: str = "") -> ir.Weights:
        return ir.Weights(form.scheme, form.bits, package.tensors[f"{name}.{part}codes"].copy())

    def neuron(form: NeuronFormat) -> ir.Neuron:
        assert form.leak is not None  # refused
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
