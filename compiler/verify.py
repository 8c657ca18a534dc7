"""Checks of a graph: references, shapes, ranges, intervals, planes. Run after every pass."""

import numpy as np

from .ir import (
    SCHEMA_VERSION,
    Add,
    Attention,
    Compare,
    Conv,
    Graph,
    Head,
    Interval,
    IRError,
    Linear,
    Neuron,
    Op,
    Pool,
    Reset,
    Scheme,
    Select,
    Value,
    Weights,
)


def verify(graph: Graph) -> None:
    """IRError, one sentence that names the op or value, if the graph is not valid."""
    if graph.schema_version != SCHEMA_VERSION:
        raise IRError(f"graph: schema version {graph.schema_version} is not supported; allowed is {SCHEMA_VERSION}")
    if not graph.ops or any(isinstance(op, Head) != (op is graph.ops[-1]) for op in graph.ops):
        raise IRError("graph: a head is the last op, and the last op is a head")
    image = graph.image
    table = image.table
    _need(table.shape == (image.channels, 256), "image", f"table has shape {table.shape}")
    low, high = (-(1 << image.bits - 1), (1 << image.bits - 1) - 1) if image.signed else (0, (1 << image.bits) - 1)
    _need(low <= table.min() and table.max() <= high, "image", f"table leaves {low}..{high}")
    expected = Value("input", 1, image.height * image.width, image.channels, (image.height, image.width), False)
    made = {"input": _value(graph, expected)}
    for op in graph.ops:
        _need(op.name not in made, op.name, "the name is used twice")
        for name in op.inputs:
            _need(name in made, op.name, f"reads {name!r}, which no earlier op makes")
        made[op.name] = _value(graph, _result(graph, op, [made[name] for name in op.inputs]))
    extra = sorted(set(graph.values) - set(made))
    _need(not extra, "graph", f"values {extra} are made by no op")


def _need(condition: object, where: str, what: str) -> None:
    if not condition:
        raise IRError(f"{where}: {what}")


def _value(graph: Graph, expected: Value) -> Value:
    name = expected.name
    _need(name in graph.values, name, "the graph has no value of this name")
    value = graph.values[name]
    for field in ("name", "steps", "tokens", "channels", "grid", "spikes"):
        want, have = getattr(expected, field), getattr(value, field)
        _need(want == have, name, f"{field} is {have!r}; its op makes {want!r}")
    if value.interval is not None and value.spikes:
        _need(Interval(0, 1).contains(value.interval), name, f"spikes with the interval {value.interval}")
    if value.planes:
        _need(value.interval is not None, name, "planes without an interval")
        assert value.interval is not None
        high = (1 << value.planes - int(value.signed)) - 1
        room = Interval(-high - 1 if value.signed else 0, high)
        _need(room.contains(value.interval), name, f"{value.planes} planes hold {room}, not {value.interval}")
    return value


def _weights(op: Op, weights: Weights, shape: tuple[int, ...]) -> None:
    codes = weights.codes
    _need(isinstance(weights.scheme, Scheme), op.name, f"scheme {weights.scheme!r} is not a Scheme")
    allowed = range(2, 9) if weights.scheme is Scheme.UNIFORM else range(3, 5)
    _need(weights.bits in allowed, op.name, f"{weights.scheme} weights of {weights.bits} bits")
    _need(codes.dtype == np.int8, op.name, f"codes have dtype {codes.dtype}; allowed is int8")
    _need(codes.shape == shape, op.name, f"codes have shape {codes.shape}; allowed is {shape}")
    limit = (1 << weights.bits - 1) - 1
    _need(np.abs(codes.astype(np.int16)).max() <= limit, op.name, f"a code leaves -{limit}..{limit}")


def _bias(op: Op, bias: np.ndarray, channels: int, fraction_bits: int) -> None:
    _need(bias.dtype == np.int64 and bias.shape == (channels,), op.name, f"bias is {bias.dtype} {bias.shape}")
    _need(0 <= fraction_bits <= 20, op.name, f"{fraction_bits} fraction bits; allowed are 0 to 20")


def _neuron(op: Op, neuron: Neuron, channels: int) -> None:
    threshold = neuron.threshold
    for enum, choice in ((Reset, neuron.reset), (Compare, neuron.compare)):
        _need(isinstance(choice, enum), op.name, f"{enum.__name__.lower()} {choice!r} is not a {enum.__name__}")
    _bias(op, neuron.bias, channels, neuron.fraction_bits)
    _need(threshold.dtype == np.int64 and threshold.shape == (channels,), op.name, "threshold is not int64 [C]")
    _need(threshold.min() >= 1, op.name, "a threshold is below 1")
    _need(0 <= neuron.leak <= 16, op.name, f"leak {neuron.leak}; allowed is 0 to 16")


def _result(graph: Graph, op: Op, inputs: list[Value]) -> Value:
    first, count = inputs[0], {Add: 2, Attention: 3}.get(type(op), 1)
    _need(len(inputs) == count, op.name, f"reads {len(inputs)} values; a {op.kind} reads {count}")
    for other in inputs:
        same = (first.tokens, first.channels) == (other.tokens, other.channels)
        same_grid = first.grid == other.grid or None in (first.grid, other.grid)
        _need(same and same_grid, op.name, f"{first.name!r} and {other.name!r} differ in shape")
    _need(first.name != "input" or isinstance(op, Conv), op.name, f"a {op.kind} cannot read the image")
    tokens, channels, grid, spikes, steps = first.tokens, first.channels, first.grid, True, graph.steps
    if isinstance(op, Conv | Linear | Attention):
        if isinstance(op, Conv):
            _need(grid, op.name, f"{first.name!r} has no grid")
            _weights(op, op.weights, (op.neuron.bias.size, channels, 3, 3))
            channels = op.neuron.bias.size
        elif isinstance(op, Linear):
            _weights(op, op.weights, (op.neuron.bias.size, channels))
            channels, grid = op.neuron.bias.size, None
        else:
            _need(all(value.spikes for value in inputs), op.name, "query, key and value must be spikes")
            _need(op.heads >= 1 and channels % op.heads == 0, op.name, f"{op.heads} heads, {channels} channels")
            _need(not op.neuron.bias.any(), op.name, "attention neurons have no bias")
            grid = None
        _neuron(op, op.neuron, channels)
    elif isinstance(op, Pool):
        _need(grid and first.spikes, op.name, "a pool reads spikes on a grid")
        assert grid is not None
        _need(grid[0] % 2 == 0 and grid[1] % 2 == 0, op.name, f"grid {grid} is not even")
        grid = (grid[0] // 2, grid[1] // 2)
        tokens = grid[0] * grid[1]
    elif isinstance(op, Add):
        _need(inputs[1].spikes, op.name, f"{inputs[1].name!r} must be spikes")
        grid, spikes = (grid if inputs[1].grid else None), False
    elif isinstance(op, Select):
        _need(1 <= op.keep <= tokens, op.name, f"keeps {op.keep} of {tokens} tokens")
        _need(0 <= op.shift <= 31, op.name, f"shift {op.shift}; allowed is 0 to 31")
        hidden = op.hidden_bias.size
        _weights(op, op.hidden, (hidden, channels))
        _weights(op, op.score, (1, hidden))
        _bias(op, op.hidden_bias, hidden, op.hidden_fraction_bits)
        _bias(op, op.score_bias, 1, op.score_fraction_bits)
        tokens, grid, spikes = op.keep, None, first.spikes
    else:
        _weights(op, op.weights, (op.bias.size, channels))
        _bias(op, op.bias, op.bias.size, op.fraction_bits)
        return Value(op.name, 1, 1, op.bias.size, None, False)
    return Value(op.name, steps, tokens, channels, grid, spikes)
