"""Why a file of PyTorch's cannot be read: its pickle is looked through, and nothing of it executed."""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path
from pickle import encode_long
from typing import IO

import torch

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.echo import quoted, shown

#: What a legacy file begins with, in its first bytes; and its pickles to the object: this, a version, the machine.
_MAGIC, _BEGIN, _LEGACY = encode_long(torch.serialization.MAGIC_NUMBER), 16, 4
#: How PyTorch names what it does not call.
_UNKNOWN = re.compile(r"GLOBAL (\S+)")
_NOT_BUILT = ("trying to call reduce", "can only create", "can only build")


def check_members(path: Path) -> None:
    """CheckpointError for a zip file whose members are more than the file: PyTorch compresses none."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as file:
        size, whole = path.stat().st_size, sum(member.file_size for member in file.infolist())
    if whole > size:
        raise CheckpointError(
            f"has {size} bytes, but members of {whole}; torch.save compresses none: unpack it, or save it again"
        )


def refusal(path: Path, error: Exception) -> str:
    """Why PyTorch did not read a file.

    error: what ``torch.load`` raised.
    """
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return "takes more memory to read than weights in a file of its size could"
    if "TorchScript" in text:
        return f"is a TorchScript program, which could run code: {_save(path, 'torch.jit.load({})')}"
    if "legacy .tar format" in text:
        return f"has the tar format that PyTorch wrote before version 0.2, which could run code: {_save(path)}"
    if "torch.nested" in text:
        return "holds nested tensors; allowed are dense ones"
    if "torch.distributed" in text:
        return "holds distributed tensors; allowed are dense ones: save the whole state_dict, best as safetensors"
    names = _names(path)
    if names is not None:
        if any(name.startswith("torch.nn.") and not name.startswith("torch.nn.parameter.") for name in names):
            return f"holds a whole pickled model, which runs code when it is loaded: {_save(path)}"
        unknown = _UNKNOWN.search(text)
        if unknown or any(sign in text.lower() for sign in _NOT_BUILT) or not _is_torch(path):
            named = unknown.group(1) if unknown else next(iter(names), "")
            return (
                f"holds pickled objects beside tensors{f' ({shown(named)})' if named else ''}, which could run code: "
                "save the state_dict alone, best as safetensors"
            )
        if "Unsupported operand" in text:
            return (
                "has a pickle protocol that cannot be read without running it; allowed is 2, torch.save's own: "
                f"{_save(path)}"
            )
    if not path.stat().st_size:
        reason = "it is empty"
    elif _is_torch(path):
        reason = "cut off, or changed after it was saved"
    else:
        reason = "neither tensors saved by torch nor safetensors"
    return f"not a whole checkpoint ({reason})"


def _save(path: Path, load: str = "torch.load({}, weights_only=False)") -> str:
    """The two lines that make a file of weights of one that is code."""
    return (
        "where it was trained, save its weights alone, by the two lines "
        f'model = {load.format(quoted(path.name))} and torch.save(model.state_dict(), "weights.pth")'
    )


def _is_torch(path: Path) -> bool:
    """Whether a file begins as those of ``torch.save``: as a zip file, or with a magic number."""
    with path.open("rb") as file:
        first = file.read(_BEGIN)
    return first.startswith(b"PK\3\4") or _MAGIC in first


def _names(path: Path) -> dict[str, None] | None:
    """What the pickles of a file import, in order; None where there is no whole pickle."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                member = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
                with archive.open(member) as file:
                    return _imports(file, 1)
        with path.open("rb") as file:
            return _imports(file, _LEGACY if _is_torch(path) else 1)
    except Exception:  # what is no pickle fails in many ways
        return None


def _imports(file: IO[bytes], pickles: int) -> dict[str, None]:
    """What pickles behind one another import; raises where one of them is not whole."""
    names: dict[str, None] = {}
    for _ in range(pickles):
        texts: list[str] = []
        count = 0
        for opcode, argument, _ in pickletools.genops(file):
            count += 1
            if opcode.name == "GLOBAL":
                names[str(argument).replace(" ", ".")] = None
            elif opcode.name == "STACK_GLOBAL":
                names[".".join(texts[-2:])] = None
            elif isinstance(argument, str):
                texts.append(argument)
        if count < 2:
            raise ValueError("a text that begins with a full stop")
    return names
