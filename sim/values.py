"""Values out of words: how spikes and integers of a network are read back from what an accelerator holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikewright.compiler.trace_map import Home, TracedShape, TraceMap

Array = np.ndarray
#: Banks and addresses of one shape → their words, uint8 [B, *shape, lanes].
Words = Callable[[Array, Array], Array]


class ValueReader:
    """Reads the values of a network by the map that the compiler made of it."""

    def __init__(self, trace_map: TraceMap) -> None:
        self.trace_map = trace_map

    def tokens(self, shape: TracedShape) -> Array:
        """[slots, rows, columns] token index of each position of each token slot."""
        rows, columns = shape.cells
        high, wide = shape.grid[0] // rows, shape.grid[1] // columns
        index = np.arange(shape.tokens).reshape(rows, high, columns, wide)
        return index.transpose(0, 2, 1, 3).reshape(rows * columns, high, wide)

    def value(self, home: Home, shape: TracedShape, words: Words) -> Array:
        """A value where it stands, int [B, T, N, C]."""
        trace_map = self.trace_map
        slots, rows, columns = self.tokens(shape).shape
        tiles, groups = -(-slots // trace_map.tokens), -(-shape.steps // trace_map.steps)
        banks, offsets = (np.array([slot[i] for slot in home.slots]) for i in range(2))
        at = np.arange(rows)[:, None, None, None, None] * home.y_stride
        at = at + np.arange(columns)[:, None, None, None] * home.x_stride
        at = at + np.arange(tiles)[:, None, None] * home.tile_stride
        at = at + np.arange(groups)[:, None] * home.group_stride
        address = home.base + at + offsets * home.row_stride  # [y, x, tile, group, channel]
        total: Array = np.zeros(0)
        for plane in range(home.planes):
            lanes = words(np.broadcast_to(banks, address.shape), address + plane)
            weight = -(1 << plane) if home.signed and plane == home.planes - 1 else 1 << plane
            if home.planes == 1:
                total = lanes.astype(np.int8) * np.int8(weight)
            elif plane == 0:
                total = lanes.astype(np.int32) * weight
            else:
                total += lanes.astype(np.int32) * weight
        return self.place(total, shape)

    def place(self, lanes: Array, shape: TracedShape) -> Array:
        """[B, y, x, tile, group, channel, lane] → [B, T, N, C]."""
        trace_map, tokens = self.trace_map, self.tokens(shape)
        slots = tokens.shape[0]
        count, rows, columns, tiles, groups, channels, _ = lanes.shape
        lanes = lanes.reshape(count, rows, columns, tiles, groups, channels, trace_map.tokens, trace_map.steps)
        # [B, group, step, tile, slot, y, x, C]
        lanes = lanes.transpose(0, 4, 7, 3, 6, 1, 2, 5)
        lanes = lanes.reshape(count, groups * trace_map.steps, tiles * trace_map.tokens, rows, columns, channels)
        result = np.zeros((count, shape.steps, shape.tokens, channels), lanes.dtype)
        result[:, :, tokens.reshape(-1)] = lanes[:, : shape.steps, :slots].reshape(count, shape.steps, -1, channels)
        return result

    def places(self, shape: TracedShape) -> tuple[int, int, int, int]:
        """Places of a layer's loop nest: rows, columns, tiles, step groups."""
        slots, rows, columns = self.tokens(shape).shape
        return rows, columns, -(-slots // self.trace_map.tokens), -(-shape.steps // self.trace_map.steps)
