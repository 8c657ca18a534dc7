"""Checks of a graph: references, shapes, ranges, intervals, planes. Run after every pass."""

from spikewright.compiler.front.ir import SCHEMA_VERSION, Graph, Interval, IRError, Op, Value, need
from spikewright.compiler.front.ops import Head


def verify(graph: Graph) -> None:
    """IRError, one sentence that names the op or value, if the graph is not valid."""
    if graph.schema_version != SCHEMA_VERSION:
        raise IRError(f"graph: schema version {graph.schema_version} is not supported; allowed is {SCHEMA_VERSION}")
    if not graph.ops or any(isinstance(op, Head) != (op is graph.ops[-1]) for op in graph.ops):
        raise IRError("graph: a head is the last op, and the last op is a head")
    image = graph.image
    table = image.table
    need(table.shape == (image.channels, 256), "image", f"table has shape {table.shape}")
    low, high = (-(1 << image.bits - 1), (1 << image.bits - 1) - 1) if image.signed else (0, (1 << image.bits) - 1)
    need(low <= table.min() and table.max() <= high, "image", f"table leaves {low}..{high}")
    expected = Value(
        "input",
        graph.steps if image.frames else 1,
        image.height * image.width,
        image.channels,
        (image.height, image.width),
        False,
    )
    values = {"input": _checked(graph, expected)}
    for op in graph.ops:
        need(op.name not in values, op.name, "the name is used twice")
        for name in op.inputs:
            need(name in values, op.name, f"reads {name!r}, which no earlier op makes")
        values[op.name] = _checked(graph, _result(graph, op, [values[name] for name in op.inputs]))
    extra = sorted(set(graph.values) - set(values))
    need(not extra, "graph", f"values {extra} are made by no op")


def _checked(graph: Graph, expected: Value) -> Value:
    """The graph's value of that name; IRError where it is not as its op makes it."""
    name = expected.name
    need(name in graph.values, name, "the graph has no value of this name")
    value = graph.values[name]
    for field in ("name", "steps", "tokens", "channels", "grid", "spikes"):
        want, have = getattr(expected, field), getattr(value, field)
        need(want == have, name, f"{field} is {have!r}; its op makes {want!r}")
    if value.interval is not None and value.spikes:
        need(Interval(0, 1).contains(value.interval), name, f"spikes with the interval {value.interval}")
    if value.planes:
        need(value.interval is not None, name, "planes without an interval")
        assert value.interval is not None
        high = (1 << value.planes - int(value.signed)) - 1
        room = Interval(-high - 1 if value.signed else 0, high)
        need(room.contains(value.interval), name, f"{value.planes} planes hold {room}, not {value.interval}")
    return value


def _result(graph: Graph, op: Op, inputs: list[Value]) -> Value:
    need(len(inputs) == op.arity, op.name, f"reads {len(inputs)} values; a {op.kind} reads {op.arity}")
    first = inputs[0]
    for value in inputs:
        same_grid = first.grid == value.grid or None in (first.grid, value.grid)
        need(first.tokens == value.tokens and same_grid, op.name, f"{first.name!r} and {value.name!r} differ in tokens")
    reads_image = any(value.name == "input" for value in inputs)
    need(not reads_image or op.reads_image, op.name, f"a {op.kind} cannot read the image")
    return op.result(inputs, graph.steps)
