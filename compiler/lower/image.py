"""Lowering of the input image."""

from __future__ import annotations

from spikewright.compiler.lower.buffers import Placement
from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.moves import move_halo
from spikewright.compiler.target.descriptors import Kind
from spikewright.cost.cycles import load_cycles


def lower_image(context: Context) -> None:
    """The LOAD descriptor: pixels into the first convolution's words, S positions in the step lanes where they fit."""
    image, shape = context.graph.image, context.shape
    value = context.graph.values["input"]
    rows, columns = context.tile_size(value)
    fold = columns % shape.steps == 0
    context.lowered.input_fold = fold
    placement = Placement.everywhere(image.channels)
    buffer = context.new_buffer(value, planes=value.planes, placement=placement, groups=1)
    if fold:
        buffer.tile_columns = columns // shape.steps
    cells = context.token_grid[1] * (shape.steps if fold else 1)
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
        "used": context.token_grid[0] * cells,
        "pixel_x": across,
        "pixel_wrap": rows * image.width * image.channels - (cells - 1) * across,
        "pixel_column": image.channels,
        "pixel_row": image.width * image.channels,
        "planes": buffer.planes,
        "bytes": image.height * image.width * image.channels,
    }
    count = image.channels * rows * width * buffer.tiles
    cycles = load_cycles(words=count, slots=shape.lanes if fold else shape.tokens, planes=buffer.planes)
    context.append(Kind.LOAD, "input", fields, {"base": ("input", buffer.offset())}, cycles)
    move_halo(context, "input", "input", unit=1 if fold else shape.steps, planes=value.planes)
