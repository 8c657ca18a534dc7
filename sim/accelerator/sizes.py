"""How many images are simulated and compared at a time: as many as keep the files and the values of a piece small."""

from __future__ import annotations

from math import ceil, prod

from spikewright.compiler.trace_map import TracedShape, TraceMap

#: Bytes that a piece may take, and cycles, after which progress is told.
PIECE_BYTES, PIECE_CYCLES = 3 << 27, 1 << 22
#: Bytes of memory for each pixel, while images become text; for each value, in the golden model and as observed; and
#: for each byte of the trace, which is read, split and stacked.
_PIXEL, _VALUE, _TRACE = 64, 32, 4
#: Bytes of the golden model's largest intermediate, the inputs of a 3x3 convolution, for each value of a layer.
_TAPS = 9 * 8


def images_of_a_piece(trace_map: TraceMap) -> int:
    """Images of one piece, at least one."""
    return max(1, min(PIECE_BYTES // bytes_of_image(trace_map), PIECE_CYCLES // max(1, trace_map.predicted)))


def bytes_of_image(trace_map: TraceMap) -> int:
    """Bytes that an image takes while it is simulated and compared; on disk, and in memory."""
    values = [shape.steps * shape.tokens * shape.channels for shape in trace_map.shapes.values()]
    words = sum(_words(trace_map, trace_map.shapes[name]) * home.planes for name, home in trace_map.homes.items())
    finished = sum(_words(trace_map, trace_map.shapes[name]) for name in trace_map.words)
    record = 8 + 4 * ceil(trace_map.lanes / 32)
    trace = (2 * words + finished) * record  # many words are written twice: into a halo, or onto a residual
    return _PIXEL * prod(trace_map.image) + _VALUE * sum(values) + _TAPS * max(values, default=0) + _TRACE * trace


def _words(trace_map: TraceMap, shape: TracedShape) -> int:
    """Words of one plane of a value."""
    slots = prod(shape.cells)
    tiles, groups = ceil(slots / trace_map.tokens), ceil(shape.steps / trace_map.steps)
    return ceil(shape.tokens / slots) * tiles * groups * shape.channels
