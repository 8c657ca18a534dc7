"""spikewright simulate"""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.commands.common import UserError, out, plain_errors, progress, show, single_thread
from spikewright.commands.common import table as new_table

#: Rows of predictions that are printed.
ROWS = 20


@plain_errors
def simulate(
    build: Annotated[Path, typer.Argument(help="BUILD folder.")],
    images: Annotated[int | None, typer.Option(help="So many test images of the package's data set [8].")] = None,
    input: Annotated[
        Path | None,
        typer.Option(help="Those of a recipe (.yaml) instead, or a .npy, uint8 [H, W, C] or [N, H, W, C]."),
    ] = None,
    waves: Annotated[bool, typer.Option(help="Write an FST of one image.")] = False,
    image: Annotated[int, typer.Option(help="The image that --waves shows.")] = 0,
) -> None:
    """Run images through the accelerator's Verilog.

    Example: spikewright simulate build/mine --images 16
    """
    from spikewright.commands.images import choose_images
    from spikewright.sim.build_folder import open_build
    from spikewright.sim.run import Target, classes_of, run_pieces, simulator_of, waves_of

    single_thread()
    opened = open_build(build)
    needed = max(8, image + 1) if waves else 8
    chosen = choose_images(opened.package, images, input, usual=needed)
    if not 0 <= image < len(chosen.images):
        raise UserError(f"--image must be from 0 to {len(chosen.images) - 1}, not {image}")
    with progress("build the simulator", None):
        built = simulator_of(opened, waves=waves)
    target = Target.of_build(opened)
    if waves:
        with progress(f"trace image {image}", None):
            file = opened.path / "waves" / f"image-{image}.fst"
            waves_of(target, built, chosen.images[image], file)
        out.print(f"waves of image {image}: {show(file)}")
        return
    scores, cycles, seconds = [], [], 0.0
    with progress("simulate", len(chosen.images)) as tell:
        for piece in run_pieces(target, built, chosen.images, tracing=False):
            scores += (piece.answers.scores >> opened.layout.score_shift).tolist()
            cycles += piece.answers.counters[:, :, 0].sum(axis=1).tolist()
            seconds += piece.answers.seconds
            tell(len(scores))
    import numpy as np

    answers = classes_of(np.array(scores))
    table = new_table(
        "image", "class", *(["true class"] if chosen.labels is not None else []), "cycles", title=chosen.source
    )
    for i, (answer, count) in enumerate(zip(answers.tolist(), cycles, strict=True)):
        if i == ROWS:
            table.add_row("...")
            break
        table.add_row(str(i), str(answer), *([str(chosen.labels[i])] if chosen.labels is not None else []), str(count))
    out.print(table)
    if chosen.labels is not None:
        out.print(f"{int((answers == chosen.labels).sum())} of {len(answers)} right")
    mean = sum(cycles) / len(cycles)
    out.print(
        f"{mean:.0f} cycles an image; {len(cycles) / seconds:.2f} images/s simulated ({sum(cycles) / seconds:.0f} "
        f"cycles/s); {opened.board.clock_mhz * 1e6 / mean:.0f} images/s at {opened.board.clock_mhz:g} MHz"
    )
