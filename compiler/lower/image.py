"""Lowering of the input image."""

from __future__ import annotations

from spikewright.compiler.lower.context import Context
from spikewright.compiler.lower.moves import fill_halo
from spikewright.compiler.target.descriptors import Kind
from spikewright.cost.cycles import load_cycles
from spikewright.cost.routing import IMAGE


def lower_image(context: Context) -> None:
    """The LOAD descriptor: pixels into words, S positions in the step lanes where they fit, or S frames."""
    image, shape = context.graph.image, context.shape
    buffer = context.make(IMAGE)
    layout = buffer.layout
    lines, cells = layout.cells
    cells *= shape.steps if layout.folded else 1
    rows, width = layout.tile_rows, layout.tile_columns
    across = width * image.channels
    # from the last lane of an image row to the first of the next
    wrap = rows * image.width * image.channels - (cells - 1) * across
    still = image.height * image.width * image.channels
    fields = {
        "channel_stride": layout.row_words,
        "x_step": layout.planes,
        "y_step": layout.planes * (layout.pitch_x - width + 1),
        "tile_stride": layout.tile_stride,
        "channels": image.channels,
        "rows": rows,
        "columns": width,
        "tiles": layout.tiles,
        "fold": int(layout.folded),
        "slots": cells,
        "used": lines * cells,
        "pixel_x": across,
        "pixel_wrap": wrap if lines > 1 else 0,
        "pixel_column": image.channels,
        "pixel_row": image.width * image.channels,
        "planes": layout.planes,
        "bytes": still * context.graph.steps if image.frames else still,
        "framed": int(image.frames),
        "frame": still if image.frames and context.graph.steps > 1 else 0,
        "frame_group": still * shape.steps if image.frames else 0,
        "groups": layout.groups,
        "group_stride": layout.block,
        "last_steps": context.last_steps if image.frames else 0,
    }
    count = image.channels * rows * width * layout.tiles * layout.groups
    one_a_lane = layout.folded or image.frames
    cycles = load_cycles(words=count, slots=shape.lanes if one_a_lane else shape.tokens, planes=layout.planes)
    context.append(Kind.LOAD, IMAGE, fields, {"base": (buffer.name, layout.offset())}, cycles, uses=[buffer])
    fill_halo(context, IMAGE)
