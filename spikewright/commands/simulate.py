"""The command ``spikewright simulate``."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, Field

from spikewright.commands.command import CommandAnswer, command
from spikewright.commands.common import UserError, new_table, out, show, single_thread
from spikewright.commands.progress import phases, progress

#: Rows of predictions that are printed.
ROWS = 20


class ImageAnswer(BaseModel):
    """What the accelerator made of one image."""

    model_config = ConfigDict(frozen=True)

    scores: list[int] = Field(description="Its class scores, in the head's own fraction bits.")
    answer: int = Field(description="The first class of the greatest score.")
    label: int | None = Field(description="The true class; null where it is not known.")
    cycles: int = Field(description="Clock cycles.")


class SimulateAnswer(CommandAnswer):
    """What was simulated."""

    source: str = Field(description="Where the images are from.")
    images: list[ImageAnswer] = Field(description="Each image; none with `--waves`.")
    waves: Path | None = Field(description="The waveforms of one image; null without `--waves`.")


@command(SimulateAnswer)
def simulate(
    build: Annotated[Path, typer.Argument(help="BUILD folder.")],
    images: Annotated[int | None, typer.Option(help="So many test images of the package's data set [8].")] = None,
    input: Annotated[
        Path | None,
        typer.Option(help="Those of a recipe (.yaml) instead, or a .npy, uint8 [N, H, W, C], frames [N, T, H, W, C]."),
    ] = None,
    waves: Annotated[bool, typer.Option(help="Write an FST of one image.")] = False,
    image: Annotated[int, typer.Option(help="The image that --waves shows.")] = 0,
) -> SimulateAnswer:
    """Run images through the accelerator's Verilog.

    Example: spikewright simulate build/mine --images 16
    """
    import numpy as np

    from spikewright.boards.schema import Board
    from spikewright.commands.frames import drawn_frames, sum_by_step
    from spikewright.commands.images import choose_images
    from spikewright.flow.build_folder import WAVES, reading
    from spikewright.sim.accelerator.run import classes_of, run_pieces, waves_of
    from spikewright.sim.accelerator.simulator import RunOptions

    single_thread()
    with reading(build) as opened:
        needed = max(8, image + 1) if waves else 8
        chosen = choose_images(opened.package, images, input, usual=needed)
        if not 0 <= image < len(chosen.images):
            raise UserError(f"--image must be from 0 to {len(chosen.images) - 1}, not {image}")
        with phases("build the simulator") as phase:
            built = opened.simulator(waves=waves, tell=phase)
        network = opened.network
        if waves:
            with phases(f"trace image {image}"):
                file = opened.path / WAVES / f"image-{image}.fst"
                waves_of(network, built, chosen.images[image], file)
            out.print(f"waves of image {image}: {show(file)}")
            return SimulateAnswer(source=chosen.source, images=[], waves=file)
        scores, cycles, seconds = [], [], 0.0
        with progress("simulate", len(chosen.images) * opened.trace_map.predicted, "cycles") as tell:
            for piece in run_pieces(network, built, chosen.images, RunOptions(tracing=False), progress=tell):
                scores += (piece.answers.scores >> opened.trace_map.score_shift).tolist()
                cycles += piece.answers.counters[:, :, 0].sum(axis=1).tolist()
                seconds += piece.answers.seconds
        board = opened.board
    answers = classes_of(np.array(scores))
    framed = chosen.images.ndim == 5
    if framed:
        for line in drawn_frames(chosen.images[0]):
            out.print(line, markup=False, highlight=False)
    true = ["true class"] if chosen.labels is not None else []
    table = new_table("image", "class", *true, "cycles", *(["sum by step"] if framed else []), title=chosen.source)
    for i, (answer, count) in enumerate(zip(answers.tolist(), cycles, strict=True)):
        if i == ROWS:
            table.add_row("...")
            break
        labels = [str(chosen.labels[i])] if chosen.labels is not None else []
        table.add_row(str(i), str(answer), *labels, str(count), *([sum_by_step(chosen.images[i])] if framed else []))
    out.print(table)
    if chosen.labels is not None:
        out.print(f"{int((answers == chosen.labels).sum())} of {len(answers)} right")
    mean = sum(cycles) / len(cycles)
    clock = ""
    if isinstance(board, Board):
        clock = f"; {board.clock_mhz * 1e6 / mean:.0f} images/s at {board.clock_mhz:g} MHz"
    out.print(
        f"{mean:.0f} cycles an image; {len(cycles) / seconds:.2f} images/s simulated ({sum(cycles) / seconds:.0f} "
        f"cycles/s){clock}"
    )
    images_answered = [
        ImageAnswer(
            scores=row, answer=answer, label=None if chosen.labels is None else int(chosen.labels[i]), cycles=count
        )
        for i, (row, answer, count) in enumerate(zip(scores, answers.tolist(), cycles, strict=True))
    ]
    return SimulateAnswer(source=chosen.source, images=images_answered, waves=None)
