"""spikewright demo"""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from spikewright.commands.common import UserError, err, fail, out, plain_errors, show
from spikewright.commands.common import table as new_table
from spikewright.commands.compare import mismatch_sentence, run_compare
from spikewright.commands.generate import run_generate

PACKAGES = Path("packages")
DEFAULT = "clutter-digits"


@plain_errors
def demo(
    model: Annotated[str, typer.Argument(help="Package file, or the name of a committed one.")] = DEFAULT,
    board: Annotated[str, typer.Option(help="Board to build for.")] = "ulx3s-85f",
    images: Annotated[int | None, typer.Option(help="So many test images (all, if not given).")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="BUILD folder to write.")] = Path("build/demo"),
) -> None:
    """Generate, simulate and compare a committed model, and show what came out.

    Example: spikewright demo clutter-digits
    """
    package = find_package(model)
    start = time.monotonic()
    err.print(f"1. generate: {show(package)} for {board}")
    run_generate(package, board, output)
    err.print("2. simulate the Verilog, and compare it with the golden model (the first time a simulator is compiled)")
    report = run_compare(output, images, None)
    show_report(report)
    out.print(f"report: {show(output / 'report.json')} ({time.monotonic() - start:.0f} s)")
    if not report["bit_exact"]:
        fail(mismatch_sentence(report))


def find_package(model: str) -> Path:
    """The file, or the committed package of that name."""
    for path in (Path(model), PACKAGES / model / "package.safetensors", PACKAGES / f"{model}.safetensors"):
        if path.is_file():
            return path
    known = sorted(path.parent.name for path in PACKAGES.glob("*/package.safetensors"))
    raise UserError(f"there is no package {model!r}: the committed ones are {', '.join(known) or '(none here)'}")


def show_report(report: dict[str, Any]) -> None:
    """A report as tables a stranger understands."""
    verdict = "yes" if report["bit_exact"] else "NO"
    weights, tokens, cycles, rate = report["weights"], report["tokens"], report["cycles"], report["rate"]
    structure, used = report["structure"], report["utilisation"]
    table = new_table("what", "value", "meaning", title=f"{report['images']} images on {report['board']}")
    table.add_row(
        "bit-exact",
        verdict,
        f"{report['mismatches']} of {report['values_compared']} values differ between the Verilog and the golden model",
    )
    rungs = (
        ("float", "the dense network before compression"),
        ("quantised", "the compressed network, as trained"),
        ("golden", "the integers of the package"),
        ("rtl", "the simulated hardware"),
    )
    for rung, meaning in rungs:
        answer = report["accuracy"][rung]
        value = "unknown" if answer is None else f"{answer['correct'] / answer['count']:.1%}"
        right = "" if answer is None else f" ({answer['correct']} of {answer['count']} right)"
        table.add_row(f"accuracy, {rung}", value, meaning + right)
    table.add_row(
        "weights kept",
        f"{1 - weights['sparsity']:.1%}",
        f"{weights['kept']} of {weights['total']}; the others are not stored and cost no time",
    )
    table.add_row(
        "bits a weight",
        f"{weights['average_bits']:.2f}",
        "of their code, on average over all weights",
    )
    smaller = weights["compression"]
    table.add_row(
        "compression",
        " / ".join(f"{smaller[way]:.1f}x" for way in ("bits", "weights", "stored")),
        "smaller than float: by bits of a code, by weights kept, by all bits that are stored",
    )
    kept = " to ".join(map(str, [tokens["initial"], *tokens["kept"]]))
    table.add_row("tokens", kept, "image patches that enter, and that each selector keeps")
    table.add_row(
        "cycles an image",
        f"{cycles['per_image']:.0f}",
        f"{cycles['predicted']} predicted without skipping of silent words: {cycles['gain']:.2f}x",
    )
    if used is not None:
        table.add_row(
            "utilisation",
            f"{used['weight_sparse']:.0%}",
            f"of the adder inputs, for weights that are left (all weights: {used['dense']:.0%}, "
            f"those that meet a spike: {used['dual_sparse']:.0%})",
        )
    table.add_row(
        "images a second",
        f"{rate['images_per_second']:.0f}",
        f"if the placed design reaches the board's clock of {rate['clock_mhz']:g} MHz (synthesize tells): "
        f"{structure['lanes']} lanes x {structure['banks']} banks x {structure['streams']} streams",
    )
    out.print(table)
    layers = new_table("layer", "cycles", "predicted", "words skipped", title="cycles of each layer")
    for name, row in cycles["layers"].items():
        share = f"{row['skipped'] / row['pairs']:.0%}" if row["pairs"] else ""
        layers.add_row(name, f"{row['cycles']:.0f}", str(row["predicted"]), share)
    out.print(layers)
