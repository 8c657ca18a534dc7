"""The IR executed in NumPy integers; where a graph has intervals, every number is checked against them."""

import numpy as np

from .ir import Add, Attention, Compare, Conv, Graph, Head, Interval, IRError, Linear, Neuron, Pool, Reset, Select

Array = np.ndarray


def interpret(graph: Graph, images: Array) -> dict[str, Array]:
    """Run uint8 images [B, height, width, channels]; int64 [B, T, N, C] by value name (`input`: T = 1).

    The head's entry is [B, classes]; a selector adds `NAME.kept`, int64 [B, keep], ascending token indices.
    IRError if the images do not fit the graph, or a number leaves the interval the graph gives for it.
    """
    image = graph.image
    want = (image.height, image.width, image.channels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != want:
        raise IRError(f"images: {images.dtype} {list(images.shape)}; allowed is uint8 [B, {', '.join(map(str, want))}]")
    codes = np.stack([image.table[c][images[..., c]] for c in range(image.channels)], axis=-1)
    values = {"input": codes.reshape(len(images), 1, -1, image.channels).astype(np.int64)}
    _inside("input", "value", values["input"], graph.values["input"].interval)
    for op in graph.ops:
        inputs = [values[name] for name in op.inputs]
        if isinstance(op, Conv | Linear | Attention):
            sums = _sums(graph, op, inputs)
            _inside(op.name, "accumulator", sums, op.accumulator)
            values[op.name] = _fire(op.name, op.neuron, sums, graph.steps, op.membrane)
        elif isinstance(op, Pool):
            values[op.name] = _pool(inputs[0], graph.values[op.inputs[0]].grid)
        elif isinstance(op, Add):
            values[op.name] = inputs[0] + inputs[1]
        elif isinstance(op, Select):
            kept = _select(op, inputs[0])
            values[f"{op.name}.kept"] = kept
            values[op.name] = np.take_along_axis(inputs[0], kept[:, None, :, None], axis=2)
        else:
            values[op.name] = _head(op, inputs[0])
        _inside(op.name, "value", values[op.name], graph.values[op.name].interval)
    return values


def _inside(name: str, what: str, numbers: Array, interval: Interval | None) -> None:
    if interval is not None and numbers.size and not interval.contains(Interval.of(numbers)):
        raise IRError(f"{name}: {what} {Interval.of(numbers)} leaves its {interval}")


def matmul(left: Array, right: Array) -> Array:
    """Integer matrix product through float64; exact, because no partial sum reaches 2**53 (checked)."""
    if left.size and right.size:
        bound = int(np.abs(left).max()) * int(np.abs(right).max()) * left.shape[-1]
        if bound >= 1 << 53:
            return np.asarray(left @ right)  # int64: slow, and still exact
    return np.asarray(np.matmul(left.astype(np.float64), right.astype(np.float64))).astype(np.int64)


def _sums(graph: Graph, op: Conv | Linear | Attention, inputs: list[Array]) -> Array:
    x = inputs[0]
    if isinstance(op, Linear):
        return matmul(x, op.weights.values.T)
    if isinstance(op, Conv):
        grid = graph.values[op.inputs[0]].grid
        assert grid is not None  # verified
        patches = _windows(x, grid)
        weights = op.weights.values.transpose(2, 3, 1, 0).reshape(-1, op.weights.values.shape[0])
        return matmul(patches, weights)
    query, key, value = (_heads(v, op.heads) for v in inputs)
    sums = matmul(query, matmul(key.swapaxes(-1, -2), value))
    return np.asarray(sums.swapaxes(2, 3).reshape(x.shape))


def _heads(x: Array, heads: int) -> Array:
    """[B, T, N, C] to [B, T, heads, N, C / heads]."""
    batch, steps, tokens, channels = x.shape
    return x.reshape(batch, steps, tokens, heads, channels // heads).swapaxes(2, 3)


def _windows(x: Array, grid: tuple[int, int]) -> Array:
    """[B, T, H*W, C] to zero-padded 3x3 windows [B, T, H*W, 9*C], tap-major."""
    batch, steps, _, channels = x.shape
    height, width = grid
    padded = np.pad(x.reshape(batch, steps, height, width, channels), ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [padded[:, :, dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]
    return np.concatenate(taps, axis=-1).reshape(batch, steps, height * width, 9 * channels)


def _fire(name: str, neuron: Neuron, sums: Array, steps: int, membrane: Interval | None) -> Array:
    currents = (sums << neuron.fraction_bits) + neuron.bias
    u = np.zeros_like(currents[:, 0])
    spikes = np.empty((len(sums), steps, *sums.shape[2:]), dtype=np.int64)
    for step in range(steps):
        leaked = -((-neuron.leak * u) >> 4) if neuron.compare is Compare.GT else (neuron.leak * u) >> 4
        u = leaked + currents[:, min(step, currents.shape[1] - 1)]
        _inside(name, "membrane", u, membrane)
        fired = u > neuron.threshold if neuron.compare is Compare.GT else u >= neuron.threshold
        u = np.where(fired, u - neuron.threshold if neuron.reset is Reset.SOFT else 0, u)
        _inside(name, "membrane", u, membrane)
        spikes[:, step] = fired
    return spikes


def _pool(x: Array, grid: tuple[int, int] | None) -> Array:
    assert grid is not None  # verified
    batch, steps, tokens, channels = x.shape
    windows = _windows(x, grid).reshape(batch, steps, *grid, 9, channels)
    return np.asarray(windows[:, :, ::2, ::2].max(axis=-2).reshape(batch, steps, tokens // 4, channels))


def _select(op: Select, x: Array) -> Array:
    sums = (matmul(x, op.hidden.values.T) << op.hidden_fraction_bits) + op.hidden_bias
    total = sums.sum(axis=1)
    _inside(op.name, "hidden accumulator", total, op.hidden_accumulator)
    hidden = np.clip(np.maximum(total, 0) >> op.shift, 0, 255)
    scores = (matmul(hidden, op.score.values.T)[..., 0] << op.score_fraction_bits) + op.score_bias
    _inside(op.name, "score accumulator", scores, op.score_accumulator)
    return np.sort(np.argsort(-scores, axis=1, kind="stable")[:, : op.keep], axis=1)


def _head(op: Head, x: Array) -> Array:
    sums = matmul(x, op.weights.values.T)
    _inside(op.name, "accumulator", sums, op.accumulator)
    scores: Array = ((sums << op.fraction_bits) + op.bias).sum(axis=(1, 2))
    _inside(op.name, "score", scores, op.score)
    return scores
