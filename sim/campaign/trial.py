"""One graph on the ladder: what became of it."""

from __future__ import annotations

import re
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from spikewright.compiler.compile import compile_package
from spikewright.compiler.program import Program
from spikewright.compiler.target.structure import Shape, Structure
from spikewright.errors import CompilerFault, PlainError
from spikewright.models.package import Package, read_package, write_package
from spikewright.sim import golden
from spikewright.sim.campaign.rungs import FRONT_RUNGS, PROGRAM_RUNGS, Climb, Rung

Array = np.ndarray


class Verdict(StrEnum):
    """What became of a graph."""

    ACCEPTED = "accepted"  #: compiled, and equal on every rung
    REFUSED = "refused"  #: in one sentence
    MISMATCH = "mismatch"  #: a rung computes another value
    TRACEBACK = "traceback"  #: an error that is no sentence


@dataclass(frozen=True, eq=False)
class Judgement:
    """A verdict.

    kind: what equal outcomes have in common: the refusal with places for values, the rung, the error and its place.
    detail: the refusal, the first mismatch, the traceback.
    """

    verdict: Verdict
    kind: str = ""
    detail: str = ""
    trace: golden.Trace | None = field(default=None, repr=False)
    program: Program | None = field(default=None, repr=False)

    @property
    def failed(self) -> bool:
        return self.verdict in (Verdict.MISMATCH, Verdict.TRACEBACK)


def climb(
    package: Package,
    images: Array,
    target: Shape | Structure | None,
    *,
    front: Sequence[Rung] = FRONT_RUNGS,
    programmed: Sequence[Rung] = PROGRAM_RUNGS,
) -> Judgement:
    """Write and read a graph, run it by the golden model, and hold every rung against that.

    target: what it is compiled for; with None only the rungs below the program are climbed.
    """
    trace: golden.Trace | None = None
    program: Program | None = None
    try:
        package = _through_a_file(package)
        trace = golden.run(package, images)
        for rung in front:
            if found := rung.mismatch(Climb(package, images, trace)):
                return Judgement(Verdict.MISMATCH, rung.name, str(found), trace)
        if target is None:
            return Judgement(Verdict.ACCEPTED, trace=trace)
        program = compile_package(package, target)
        _ = program.roms, program.trace_map  # packed only when they are asked for
        for rung in programmed:
            if found := rung.mismatch(Climb(package, images, trace, program)):
                return Judgement(Verdict.MISMATCH, rung.name, str(found), trace, program)
    except CompilerFault as error:
        return Judgement(Verdict.MISMATCH, "compiler fault", str(error), trace, program)
    except PlainError as error:
        text = str(error).partition("\n")[0]
        return Judgement(Verdict.REFUSED, refusal_kind(text, package), text, trace)
    except Exception as error:
        return Judgement(Verdict.TRACEBACK, error_kind(error), error_text(error), trace, program)
    return Judgement(Verdict.ACCEPTED, trace=trace, program=program)


def _through_a_file(package: Package) -> Package:
    with tempfile.TemporaryDirectory(prefix="spikewright-") as folder:
        file = Path(folder) / "package.safetensors"
        write_package(package, file)
        return read_package(file)


def refusal_kind(text: str, package: Package) -> str:
    """A refusal with places for names and numbers, so that equal ones count together."""
    ops = package.network.ops
    words = "|".join(re.escape(op.name) for op in sorted(ops[:-1], key=lambda op: len(op.name), reverse=True))
    text = re.sub(rf"^(?:{words}|{re.escape(ops[-1].name)}|input)(?:\.hidden|\.score)?: ", "OP: ", text)
    text = re.sub(rf"(?<![\w.-])'?(?:{words})'?(?![\w-])", "OP", text) if words else text
    text = re.sub(r"\(\d+(?:, \d+)*\)", "SIZES", text)
    return re.sub(r"(?<![\w.])-?\d+", "N", text)


def error_kind(error: BaseException) -> str:
    """Class of an error, the last place of the project's own that it came through, its text without numbered words."""
    frames = _frames(error)
    where = f" in {Path(frames[-1].filename).name}, {frames[-1].name}" if frames else ""
    text = re.sub(r"-?[\w.-]*\d[\w.-]*", "N", str(error).partition("\n")[0])
    return f"{type(error).__name__}{where}: {text[:120]}"


def error_text(error: BaseException) -> str:
    """A traceback without the folders of a machine; its last line is the error."""
    lines = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}: {frame.line}" for frame in _frames(error)]
    return "\n".join([*lines, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"])


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
