"""The IR executed in NumPy integers; where a graph has intervals, every number is checked against them."""

import numpy as np

from spikewright.compiler.front.ir import Array, Graph, IRError, need_inside


def interpret(graph: Graph, images: Array) -> dict[str, Array]:
    """Run uint8 images [B, height, width, channels], or frames [B, T, height, ...]; int64 [B, T, N, C] by value name.

    ``input`` has one step without frames.

    The head's entry is [B, classes]; a selector adds ``NAME.kept``, int64 [B, keep], ascending token indices.
    IRError if the images do not fit the graph, or a number leaves the interval the graph gives for it.
    """
    image = graph.image
    want = image.shape(graph.steps)
    if images.dtype != np.uint8 or images.shape[1:] != want:
        raise IRError(f"images: {images.dtype} {list(images.shape)}; allowed is uint8 [B, {', '.join(map(str, want))}]")
    codes = np.stack([image.table[c][images[..., c]] for c in range(image.channels)], axis=-1)
    steps = graph.values["input"].steps
    values = {"input": codes.reshape(len(images), steps, -1, image.channels).astype(np.int64)}
    need_inside("input", "value", values["input"], graph.values["input"].interval)
    for op in graph.ops:
        values |= op.execute([values[name] for name in op.inputs], graph)
        need_inside(op.name, "value", values[op.name], graph.values[op.name].interval)
    return values
