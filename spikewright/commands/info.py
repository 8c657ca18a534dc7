"""The command ``spikewright info``."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.commands.common import heading, new_table, out, plain_errors
from spikewright.commands.packages import package_file
from spikewright.echo import shown


@plain_errors
def info(package: Annotated[Path, typer.Argument(help="Model package (.safetensors), or its folder.")]) -> None:
    """Show what is in a model package.

    Example: spikewright info packages/clutter-digits/package.safetensors
    """
    from spikewright.flow.weights import count_weights
    from spikewright.models.package import read_package, shapes, weight_formats

    read = read_package(package_file(package))
    network, value_shapes, formats = read.network, shapes(read.network), weight_formats(read.network)
    image = network.input
    text = f": {network.steps} time steps, images {image.height}x{image.width}x{image.channels} of {image.bits} bits"
    data = "(none)" if network.data is None else shown(network.data)
    out.print(heading(shown(network.name), f"{text}, data set {data}"))
    table = new_table("layer", "kind", "from", "tokens", "channels", "weights", "kept", "bits")
    for op in network.ops:
        shape = value_shapes.get(op.name)
        parts = (".hidden", ".score") if op.kind == "select" else ("",)
        own = [name for name in (f"{op.name}{part}.codes" for part in parts) if name in formats]
        weights = kept = bits = ""
        if own:
            count = count_weights(read, own)
            weights, kept = str(count.total), f"{count.kept} ({count.kept / count.total:.1%})"
            bits = ", ".join(f"{formats[name].scheme.value} {formats[name].bits}" for name in own)
        channels = str(op.channels if op.kind == "head" else shape.channels if shape else "")
        tokens = "" if op.kind == "head" or shape is None else str(shape.tokens)
        table.add_row(op.name, op.kind, ", ".join(op.reads), tokens, channels, weights, kept, bits)
    out.print(table)
    count = count_weights(read)
    out.print(
        f"{count.total} weights, {count.kept} kept ({count.kept / count.total:.2%}), "
        f"{count.average_bits:.2f} bits on average"
    )
