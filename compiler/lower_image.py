"""Lowering of the input image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikewright.cost import cycles as cost

from .buffers import Placement
from .descriptors import Kind

if TYPE_CHECKING:
    from .lowering import Lowering


def lower_image(low: Lowering) -> None:
    """The LOAD descriptor: pixels into the first convolution's words, S positions in the step lanes where they fit."""
    image, shape = low.graph.image, low.shape
    value = low.graph.values["input"]
    rows, columns = low.tile_size(value)
    fold = columns % shape.steps == 0
    low.out.input_fold = fold
    placement = Placement.everywhere(image.channels)
    buffer = low.new_buffer(value, planes=value.planes, placement=placement, groups=1)
    if fold:
        buffer.tile_columns = columns // shape.steps
    cells = low.token_grid[1] * (shape.steps if fold else 1)
    width = buffer.tile_columns
    across = width * image.channels
    fields = {
        "channel_stride": buffer.row_words,
        "x_step": buffer.planes,
        "y_step": buffer.planes * (buffer.pitch_x - width + 1),
        "tile_stride": buffer.tile_stride,
        "channels": image.channels,
        "rows": rows,
        "columns": width,
        "tiles": buffer.tiles,
        "fold": int(fold),
        "slots": cells,
        "used": low.token_grid[0] * cells,
        "pixel_x": across,
        "pixel_wrap": rows * image.width * image.channels - (cells - 1) * across,
        "pixel_column": image.channels,
        "pixel_row": image.width * image.channels,
        "planes": buffer.planes,
        "bytes": image.height * image.width * image.channels,
    }
    count = image.channels * rows * width * buffer.tiles
    cycles = cost.load_cycles(words=count, slots=shape.lanes if fold else shape.tokens, planes=buffer.planes)
    low.append(Kind.LOAD, "input", fields, {"base": ("input", buffer.offset())}, cycles)
    low.halo("input", "input", unit=1 if fold else shape.steps, planes=value.planes)
