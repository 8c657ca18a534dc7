"""A user's checkpoint in whatever container people save: its one state, and what is told beside it.

A file of PyTorch's is read by a program of its own (``reader.py``), so that whatever it holds is a sentence here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

import spikewright
from spikewright import children
from spikewright.compress.checkpoint.dense import check_kinds
from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.reader import ANSWER, TENSORS
from spikewright.compress.checkpoint.states import chosen, without_prefixes
from spikewright.scratch import check_room, scratch

#: Bytes of names that a safetensors file may have, and of an answer.
_HEADER, _LONGEST_ANSWER = 16 << 20, 64 << 20
#: Seconds of computing to read a file, beside one for so many bytes; wall seconds are more, on a busy machine.
_SECONDS, _BYTES_A_SECOND, _WALL = 40, 10 << 20, 5


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One state of a user's file.

    path: the file; state: names without prefixes, dense tensors on the CPU in their own dtype, of which tied ones are
    one; where: where the state lay, keys with dots between, empty for the whole file; prefix: what was taken off every
    name; told: training arguments beside the weights, values: other numbers and short texts there, both as JSON has
    them.
    """

    path: Path
    state: dict[str, Tensor]
    where: str
    prefix: str
    told: dict[str, Any]
    values: dict[str, Any]


def read_checkpoint(path: Path, *, ema: bool | None = None, key: str | None = None) -> Checkpoint:
    """The weights of a user's file, safetensors or PyTorch's; CheckpointError where there are none, or several.

    ema: take the moving average or not, None where there is but one of both; key: place of the state that is meant, or
    of a dict above it, keys with dots between.
    """
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder: name the checkpoint's file")
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    try:
        if _begins_as_safetensors(path):
            answer, state = _of_safetensors(path, ema, key)
        else:
            answer, state = _of_torch(path, ema, key)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    prefix, state = without_prefixes(state)
    return Checkpoint(path, state, answer["where"], prefix, answer["told"], answer["values"])


def _begins_as_safetensors(path: Path) -> bool:
    """Whether a file begins with the length of a JSON header and its brace, whatever its name is."""
    with path.open("rb") as file:
        first = file.read(9)
    return first[4:] == b"\0\0\0\0{"


def _of_safetensors(path: Path, ema: bool | None, key: str | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > min(_HEADER, path.stat().st_size - 8):
        raise CheckpointError(f"not a whole safetensors file (its header has {header} bytes)")
    try:
        # copies, because the file may change
        state = {name: tensor.clone() for name, tensor in load_file(path).items()}
    except (SafetensorError, KeyError, ValueError) as error:  # the second for a type that this PyTorch has not
        raise CheckpointError(f"not a whole safetensors file ({error})") from None
    found = chosen(state, ema, key or None)
    check_kinds(found.state)
    return {"where": found.where, "told": {}, "values": {}}, found.state


def _of_torch(path: Path, ema: bool | None, key: str | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    seconds = _SECONDS + path.stat().st_size // _BYTES_A_SECOND
    request = json.dumps({"path": os.path.abspath(path), "ema": ema, "key": key or None, "seconds": seconds})
    with scratch(Path(tempfile.gettempdir())) as folder:
        try:
            code = children.run(
                [sys.executable, "-P", "-m", "spikewright.compress.checkpoint.reader", request],
                cwd=folder,
                env=_environment(),
                stdout=subprocess.DEVNULL,
                timeout=_WALL * seconds,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -signal.SIGXCPU
        if code == -signal.SIGXCPU:
            raise CheckpointError(f"takes more than {seconds} s to read, longer than weights in a file of its size")
        if code != 0 or not (folder / ANSWER).is_file() or (folder / ANSWER).stat().st_size > _LONGEST_ANSWER:
            check_room(folder)
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
            raise CheckpointError(f"not a whole checkpoint (the program that read it ended {how})")
        answer: dict[str, Any] = json.loads((folder / ANSWER).read_text())
        if "refused" in answer:
            raise CheckpointError(answer["refused"])
        tensors = load_file(folder / TENSORS)
        return answer, {name: tensors[str(at)] for name, at in answer["places"].items()}


def _environment() -> dict[str, str]:
    """Variables of the reader, which starts in another folder and must be of this very package."""
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    own = Path(spikewright.__file__).parents[1]
    paths = [str(own), *(os.path.abspath(entry) for entry in given)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
