"""The command ``spikewright info``."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import heading, new_table, out
from spikewright.commands.packages import package_file
from spikewright.echo import shown


class OpAnswer(BaseModel):
    """One op of a network."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Its name.")
    kind: str = Field(description="What it is.")
    reads: list[str] = Field(description="The ops whose values it reads.")
    tokens: int | None = Field(description="Places of its value; null of a head.")
    channels: int | None = Field(description="Channels of its value, classes of a head.")
    weights: int = Field(description="Its weights.")
    kept: int = Field(description="Those whose code is not zero.")
    formats: list[str] = Field(description="Scheme and bits of its weights' codes.")


class InfoAnswer(CommandAnswer):
    """What is in a package."""

    name: str = Field(description="Name of the network.")
    data: str | None = Field(description="Its data set.")
    steps: int = Field(description="Timesteps.")
    image: list[int] = Field(description="Height, width and channels of an image.")
    image_bits: int = Field(description="Bits of a pixel.")
    frames: bool = Field(description="Whether an image is a frame for each step.")
    ops: list[OpAnswer] = Field(description="Its ops, in the order of execution.")
    weights: int = Field(description="All weights.")
    kept: int = Field(description="Those whose code is not zero.")
    average_bits: float = Field(description="Bits of a code over all weights.")


@command(InfoAnswer)
def info(
    package: Annotated[Path, typer.Argument(help="Model package (.safetensors), or its folder.")],
) -> InfoAnswer:
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
    ops = []
    for op in network.ops:
        shape = None if op.kind == "head" else value_shapes.get(op.name)
        parts = (".hidden", ".score") if op.kind == "select" else ("",)
        own = [name for name in (f"{op.name}{part}.codes" for part in parts) if name in formats]
        count = count_weights(read, own) if own else None
        answer = OpAnswer(
            name=op.name,
            kind=op.kind,
            reads=list(op.reads),
            tokens=shape.tokens if shape else None,
            channels=op.channels if op.kind == "head" else shape.channels if shape else None,
            weights=count.total if count else 0,
            kept=count.kept if count else 0,
            formats=[f"{formats[name].scheme.value} {formats[name].bits}" for name in own],
        )
        ops.append(answer)
        numbers = ("" if number is None else str(number) for number in (answer.tokens, answer.channels))
        weights = (str(answer.weights), f"{answer.kept} ({answer.kept / answer.weights:.1%})") if own else ("", "")
        table.add_row(op.name, op.kind, ", ".join(op.reads), *numbers, *weights, ", ".join(answer.formats))
    out.print(table)
    count = count_weights(read)
    out.print(
        f"{count.total} weights, {count.kept} kept ({count.kept / count.total:.2%}), "
        f"{count.average_bits:.2f} bits on average"
    )
    return InfoAnswer(
        name=network.name,
        data=network.data,
        steps=network.steps,
        image=[image.height, image.width, image.channels],
        image_bits=image.bits,
        frames=image.frames,
        ops=ops,
        weights=count.total,
        kept=count.kept,
        average_bits=round(count.average_bits, 4),
    )
