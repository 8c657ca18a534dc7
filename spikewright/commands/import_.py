"""The command ``spikewright import``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, err, new_table, out, show
from spikewright.commands.progress import phases
from spikewright.echo import printable
from spikewright.files import write_whole

if TYPE_CHECKING:
    from spikewright.flow.importing.report import ImportReport


class ImportAnswer(CommandAnswer):
    """What was imported."""

    package: Path = Field(description="The package.")
    report: dict[str, Any] = Field(
        description="What `import.json` beside it holds: family, settings told, read and assumed, the port's check, "
        "formats, a table of all layers, accuracy, warnings."
    )


def _numbers(words: str | None, option: str) -> tuple[float, ...] | None:
    if words is None:
        return None
    try:
        return tuple(float(each) for each in words.replace(",", " ").split())
    except ValueError:
        raise UserError(f"{option} must be numbers with commas between them, not {words!r}") from None


def _whole_numbers(words: str | None, option: str) -> tuple[int, ...] | None:
    numbers = _numbers(words, option)
    if numbers is not None and not all(each.is_integer() for each in numbers):
        raise UserError(f"{option} must be whole numbers with commas between them, not {words!r}")
    return None if numbers is None else tuple(int(each) for each in numbers)


@command(ImportAnswer)
def import_(
    file: Annotated[Path, typer.Argument(help="Checkpoint: .pth, .pth.tar, .safetensors, .nir.")],
    calibrate: Annotated[
        str,
        typer.Option(help="Images that correct biases: .npz, .npy, a folder, a data set, or {set: …, folder: …}."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The package, .safetensors.")],
    test: Annotated[str | None, typer.Option(help="Labelled images, for accuracy; as --calibrate.")] = None,
    bits: Annotated[
        str, typer.Option(help="Of the weights: 2 to 8, pot3, pot4; an average such as 3.5, searched; or a YAML file.")
    ] = "8",
    widest: Annotated[int, typer.Option(min=2, max=8, help="No layer of a searched average is wider.")] = 8,
    steps: Annotated[int | None, typer.Option(min=1, max=64, help="Timesteps T.")] = None,
    heads: Annotated[int | None, typer.Option(min=1, help="Attention heads.")] = None,
    mean: Annotated[str | None, typer.Option(help="Of pixels from 0 to 1, by channel: 0.49,0.48,0.45.")] = None,
    std: Annotated[str | None, typer.Option(help="Of pixels from 0 to 1, by channel.")] = None,
    scale: Annotated[float | None, typer.Option(help="Attention's factor, where it is not the published one.")] = None,
    pools: Annotated[str | None, typer.Option(help="Convolutions that a pool follows: 3,4.")] = None,
    threshold: Annotated[float | None, typer.Option(help="V_th of the neurons; 1 as published.")] = None,
    attention_threshold: Annotated[float | None, typer.Option(help="V_th behind attention; 0.5 as published.")] = None,
    ema: Annotated[
        bool | None, typer.Option("--ema/--no-ema", help="The averaged weights, or the plain ones, of two.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Which state of a file with several.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="inputs, logits and spikes.LAYER that the source wrote (.npz): checks the port.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="module:function that returns the live model: checks the port.")
    ] = None,
    dt: Annotated[
        float | None,
        typer.Option(help="NIR: of a timestep, in the unit of τ; 1 where IF neurons add their input."),
    ] = None,
    reset: Annotated[str | None, typer.Option(help="NIR: zero or subtract.")] = None,
    fires: Annotated[str | None, typer.Option("--compare", help="NIR: ge (v ≥ threshold fires) or gt.")] = None,
    leak: Annotated[str, typer.Option(help="NIR: euler, 1 − dt/τ, or exponential, exp(−dt/τ).")] = "euler",
    input_shape: Annotated[str | None, typer.Option(help="NIR: C,H,W, where the file has none.")] = None,
    images: Annotated[int, typer.Option(min=1, max=4096, help="How many images calibrate.")] = 32,
    input_bits: Annotated[int, typer.Option(min=2, max=8, help="Bits of an image code.")] = 8,
    reestimate_norms: Annotated[
        bool, typer.Option("--reestimate-norms", help="Set norms to the calibration images' statistics.")
    ] = False,
) -> ImportAnswer:
    """Make a package from a network that another program trained, without training.

    Example: spikewright import best.pth.tar --calibrate images.npz --heads 12 --steps 4 --mean 0.49,0.48,0.45 --std
    0.25,0.24,0.26 -o net.safetensors
    """
    from spikewright.flow.importing.asked import Asked
    from spikewright.flow.importing.run import import_network
    from spikewright.models.package import write_package

    if reference is not None and source is not None:
        raise UserError("give --reference or --source, not both")
    if output.suffix != ".safetensors" or output.is_dir():
        raise UserError(f"--output {output}: must be a file, NAME.safetensors")
    asked = Asked(
        path=file, calibrate=calibrate, test=test, bits=bits, widest=widest, input_bits=input_bits, images=images,
        steps=steps, heads=heads, mean=_numbers(mean, "--mean"), std=_numbers(std, "--std"), scale=scale,
        pools=_whole_numbers(pools, "--pools"), threshold=threshold, attention_threshold=attention_threshold,
        dt=dt, reset=reset, compare=fires, leak=leak, input_shape=_whole_numbers(input_shape, "--input-shape"),
        ema=ema, key=key, reference=reference, source=source, reestimate_norms=reestimate_norms,
    )  # fmt: skip
    kept = output.with_suffix(".search.json")
    with phases("import") as tell:
        imported = import_network(asked, output.stem, kept=kept, tell=tell)
    kept.unlink(missing_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_package(imported.package, output)
    told = imported.report.model_dump_json(indent=1, by_alias=True)
    write_whole(output.with_name("import.json"), f"{told}\n".encode())
    _print(imported.report)
    out.print(f"package: {show(output)}")
    out.print(f"next: spikewright generate {show(output)} --board simulation -o build/{printable(output.stem)}")
    return ImportAnswer(package=output, report=imported.report.model_dump(mode="json", by_alias=True))


def _print(report: "ImportReport") -> None:
    """The report in words and one table of all layers."""
    out.print(f"{report.family}: {report.why}")
    for how, values in (("told", report.told), ("read in the file", report.read), ("as published", report.assumed)):
        if values:
            out.print(f"{how}: {printable(', '.join(f'{name} {value}' for name, value in values.items()))}")
    if report.unused:
        out.print(
            f"not used: {printable(report.unused[0])} and {len(report.unused) - 1} more, which no forward pass reads"
        )
    if report.port is not None:
        out.print(
            f"port against {printable(report.port['source'])}: class scores differ by {report.port['logits']:.2g} of "
            f"the greatest; {report.port['spikes']} of {report.port['compared']} spikes differ"
        )
    table = new_table("layer", "format", "range used", "rate", "alone", "end to end", "dead", "saturated")
    for name, row in report.layers.items():
        table.add_row(
            printable(name), row.format or row.kind, _percent(row.used), _percent(row.rate), _percent(row.alone),
            _percent(row.end_to_end), str(row.dead or ""), str(row.saturated or ""),
        )  # fmt: skip
    out.print(table)
    out.print(
        f"{report.average_bits:g} bits a weight; {report.agreement} of {report.images} images keep their class, scores "
        f"change by at most {report.logits:.2g}"
    )
    if report.accuracy is not None:
        right = report.accuracy
        out.print(
            f"right of {right.images} ({printable(right.source)}): float {right.float_}, quantised {right.quantised}, "
            f"golden {right.golden}"
        )
    for warning in report.warnings:
        err.print(f"warning: {printable(warning)}")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
