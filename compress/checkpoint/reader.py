"""The program that reads one file of PyTorch's: ``python -m spikewright.compress.checkpoint.reader REQUEST``.

A file may ask for endless time or memory, or break the reader: so this program has limits, and may end in any way. It
leaves ``ANSWER`` and ``TENSORS`` in the folder that it is started in.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from spikewright.compress.checkpoint.dense import Storages, densified
from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.pickles import check_members, refusal
from spikewright.compress.checkpoint.stand_ins import STAND_INS
from spikewright.compress.checkpoint.states import chosen
from spikewright.compress.checkpoint.told import arguments_and_values

ANSWER, TENSORS = "answer.json", "tensors.safetensors"
#: Bytes of addresses: beyond what the program has when it begins, by the bytes of the file, and at most.
_OVER, _TIMES, _MOST = 7 << 28, 4, 24 << 30
#: Bytes of files, beyond twice the one that is read.
_FILES = 64 << 20
#: Where Linux tells the pages of addresses that a program has.
_STATM = Path("/proc/self/statm")


def read(path: Path, folder: Path, ema: bool | None, key: str | None) -> dict[str, Any]:
    """Read a file's state into ``TENSORS`` of a folder; what else it tells, as JSON.

    In the answer, ``places`` are the numbers of the tensors by name. CheckpointError where there is no such state.
    """
    storages = Storages(path.stat().st_size)
    try:
        check_members(path)
        # old pickles warn before they are refused
        with (
            path.open("rb") as file,  # by its name PyTorch would take it for safetensors
            torch.serialization.safe_globals(STAND_INS),
            warnings.catch_warnings(action="ignore"),
        ):
            loaded = torch.load(file, map_location=storages.keep, weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(refusal(path, error)) from None
    found = chosen(loaded, ema, key)
    tensors, places = densified(found.state, storages)
    told, values = arguments_and_values(found.around)
    save_file({str(at): tensor for at, tensor in enumerate(tensors)}, folder / TENSORS)
    return {"where": found.where, "places": places, "told": told, "values": values}


def limit(file_size: int, seconds: int) -> None:
    """Limit this program's memory, time and files.

    file_size: bytes of the file that is read; seconds: of computing.
    """
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 2 * file_size + _FILES,
        resource.RLIMIT_CORE: 0,
    }
    if _STATM.exists():  # PyTorch with CUDA maps gigabytes before it has read anything
        begun = int(_STATM.read_text().split()[0]) * resource.getpagesize()
        limits[resource.RLIMIT_AS] = begun + min(_TIMES * file_size + _OVER, _MOST)
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, hard))


def main() -> None:
    """Read what the request names, and answer."""
    request = json.loads(sys.argv[1])
    path, folder = Path(request["path"]), Path()
    torch.set_num_threads(1)
    limit(path.stat().st_size, request["seconds"])
    try:
        answer = read(path, folder, request["ema"], request["key"])
    except CheckpointError as error:
        answer = {"refused": str(error)}
    (folder / ANSWER).write_text(json.dumps(answer))
    os._exit(0)  # what was read may be too deep to be taken apart


if __name__ == "__main__":
    main()
