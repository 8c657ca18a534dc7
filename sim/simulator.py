"""Runs an accelerator on Verilator: structure → simulator (built once), program and images → answers and trace."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikewright.compiler.descriptors import Kind
from spikewright.compiler.program import Program
from spikewright.compiler.structure import WORD_BITS, Structure
from spikewright.hdl.accelerator import Accelerator
from spikewright.sim.elaborate import elaborate
from spikewright.sim.trace import Records, read_records
from spikewright.sim.verilator import BenchError, Built, build, default_cache

HERE = Path(__file__).parent
VERILOG = HERE.parent / "hdl" / "verilog"

#: Most bytes of images in one run.
IMAGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Answers:
    """What the accelerator sent.

    scores: int64 [B, classes], in the accelerator's grid; counters: int64 [B, descriptors, 3]: cycles, issued pairs,
    skipped pairs; records: trace, or None; cycles: simulated clock cycles in all; seconds: wall time of the run.
    """

    scores: np.ndarray
    counters: np.ndarray
    records: Records | None
    cycles: int
    seconds: float


def memory_sources() -> list[Path]:
    """The hand-written Verilog memories."""
    return sorted(VERILOG.glob("*.v"))


def simulator_cache() -> Path:
    """Where the simulators of BUILD folders are kept: the folder SPIKEWRIGHT_BUILDS names, else the user's cache."""
    if named := os.environ.get("SPIKEWRIGHT_BUILDS"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spikewright" / "simulators"


def build_simulator(
    structure: Structure,
    accelerator: Path | Sequence[Path] | None = None,
    *,
    memories: Sequence[Path] | None = None,
    folder: Path | None = None,
    waves: bool = False,
    optimise: str = "-O3",
) -> Built:
    """The simulator of a structure, from the cache if it is there.

    accelerator: Verilog of module ``accelerator`` (a netlist is several files); None elaborates it.
    memories: Verilog of the memories.
    optimise: C++ optimisation; ``-O1`` builds sooner and runs slower.
    """
    folder = folder or default_cache()
    if accelerator is None:
        # a folder each: another process may be at another structure
        name = hashlib.sha256(structure.to_json().encode()).hexdigest()[:16]
        accelerator = elaborate(Accelerator(structure=structure), "accelerator", folder / "elaborated" / name)
    if isinstance(accelerator, Path):
        accelerator = [accelerator]
    shape = structure.shape
    return build(
        [HERE / "verilog" / "accelerator_bench.sv", *accelerator, *(memories or memory_sources())],
        "accelerator_bench",
        folder,
        inputs=["go", "image_bytes", "images", "patience", "stall", "tracing"],
        outputs=["done", "timed_out", "cycles"],
        parameters={
            "LANES": shape.lanes,
            "BANKS": shape.banks,
            "STREAMS": shape.streams,
            "ADDRESS": structure.address_bits,
            "IMAGE_BYTES": IMAGE_BYTES,
        },
        timing=True,
        waves=waves,
        optimise=optimise,
        # Amaranth writes processes that read nothing for outputs that are constant
        waive=("ALWNEVER",),
    )


def write_roms(program: Program, folder: Path) -> None:
    """The program's hex files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in program.roms.items():
        (folder / name).write_text(image.hex())


def simulate(
    built: Built,
    images: np.ndarray,
    *,
    folder: Path,
    classes: int,
    descriptors: int,
    lanes: int,
    predicted: int,
    tracing: bool = True,
    stall: int = 0,
    seed: int = 1,
    waves: bool = False,
    timeout: float = 600.0,
) -> Answers:
    """Run ``images`` (uint8 [B, H, W, C]) through a built simulator whose ROM files lie in ``folder``.

    predicted: cycles of one image with skipping off; an image that takes four times as long is given up.
    Raises ``BenchError`` where the accelerator hangs or answers with the wrong number of words.
    """
    count, size = images.shape[0], int(np.prod(images.shape[1:]))
    if count * size > IMAGE_BYTES:
        raise ValueError(f"{count} images of {size} bytes are above {IMAGE_BYTES} bytes a run")
    (folder / "images.hex").write_text("\n".join(f"{byte:02x}" for byte in images.reshape(-1).tolist()) + "\n")
    trace = folder / "trace.bin"
    trace.unlink(missing_ok=True)
    results = built.run(
        "spikewright.sim.accelerator_test",
        given={
            "image_bytes": size,
            "images": count,
            "patience": 4 * predicted + 8 * size + 10_000,
            "stall": stall,
            "tracing": int(tracing),
        },
        cwd=folder,
        seed=seed,
        waves=waves,
        timeout=timeout,
    )
    words = classes + 3 * descriptors
    rows = [line.split() for line in (folder / "results.hex").read_text().splitlines()]
    ends = [i for i, row in enumerate(rows) if row[1] == "1"]
    if ends != [words * (i + 1) - 1 for i in range(count)]:
        raise BenchError(f"the accelerator's answers end at words {ends[:5]}, not every {words} words")
    data = np.array([int(row[0], 16) for row in rows], np.int64).reshape(count, words)
    scores = data[:, :classes]
    scores = scores - ((scores >> (WORD_BITS - 1)) << WORD_BITS)
    counters = data[:, classes:].reshape(count, descriptors, 3)
    records = read_records(trace, lanes) if tracing else None
    return Answers(scores, counters, records, int(counters[:, :, 0].sum()), results.seconds)


def run_program(
    program: Program, images: np.ndarray, *, folder: Path, built: Built | None = None, **options: object
) -> Answers:
    """Simulate a program in ``folder``: ROM files are written there, the simulator is built if it is not given."""
    built = built or build_simulator(program.structure)
    write_roms(program, folder)
    head = program.lowered.graph.ops[-1]
    return simulate(
        built,
        images,
        folder=folder,
        classes=program.lowered.graph.values[head.name].channels,
        descriptors=sum(step.kind is not Kind.END for step in program.steps),
        lanes=program.structure.shape.lanes,
        predicted=sum(program.predicted_cycles),
        **options,  # type: ignore[arg-type]
    )


__all__ = ["Answers", "build_simulator", "run_program", "simulate", "write_roms"]
