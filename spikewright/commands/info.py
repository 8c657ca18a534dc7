"""spikewright info"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from spikewright.commands.common import out, plain_errors
from spikewright.commands.common import table as new_table


@plain_errors
def info(package: Annotated[Path, typer.Argument(help="Model package (.safetensors).")]) -> None:
    """Show what is in a model package.

    Example: spikewright info packages/clutter-digits/package.safetensors
    """
    from spikewright.models.package import read_package, shapes

    read = read_package(package)
    network, tensors, sizes = read.network, read.tensors, shapes(read.network)
    image = network.input
    out.print(
        f"[bold]{network.name}[/]: {network.steps} time steps, images {image.height}x{image.width}x{image.channels} "
        f"of {image.bits} bits, data set {network.data or '(none)'}"
    )
    table = new_table("layer", "kind", "from", "tokens", "channels", "weights", "kept", "bits")
    totals = [0, 0, 0]
    for op in network.ops:
        size = sizes.get(op.name)
        parts = [(op.name, getattr(op, "weights", None))]
        if op.kind == "select":
            parts = [(f"{op.name}.hidden", op.hidden.weights), (f"{op.name}.score", op.score.weights)]
        weights = kept = bits = ""
        forms = [(tensors[f"{name}.codes"], form) for name, form in parts if form is not None]
        if forms:
            total, used = (sum(f(codes) for codes, _ in forms) for f in (np.size, np.count_nonzero))
            totals = [
                totals[0] + int(total),
                totals[1] + int(used),
                totals[2] + sum(codes.size * form.bits for codes, form in forms),
            ]
            weights, kept = str(total), f"{used} ({used / total:.1%})"
            bits = ", ".join(f"{form.scheme.value} {form.bits}" for _, form in forms)
        channels = str(op.channels if op.kind == "head" else size.channels if size else "")
        tokens = "" if op.kind == "head" or size is None else str(size.tokens)
        table.add_row(op.name, op.kind, ", ".join(op.reads), tokens, channels, weights, kept, bits)
    out.print(table)
    out.print(
        f"{totals[0]} weights, {totals[1]} kept ({totals[1] / totals[0]:.2%}), "
        f"{totals[2] / totals[0]:.2f} bits on average"
    )
