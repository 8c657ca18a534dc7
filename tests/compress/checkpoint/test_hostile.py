"""Files that are made to break their reader: each is one sentence, soon and in little memory."""

import json
import resource
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.compress.checkpoint import containers
from spikewright.compress.checkpoint.containers import read_checkpoint
from spikewright.compress.checkpoint.errors import CheckpointError


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < len(str(path)) + 500
    return text.removeprefix(f"{path}: ")


def zipped(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"best/{name}", data)
    return path


CUT = "not a whole checkpoint (cut off, or changed after it was saved)"


class Claims:
    """A tensor that says it is larger than its four numbers."""

    def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        storage = torch.ones(4)._typed_storage()
        self.call = torch._utils._rebuild_tensor_v2, (storage, 0, shape, stride, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize(
    ("shape", "stride", "text"),
    [
        ((3, 3), (3, 1), CUT),
        ((1 << 12, 1 << 12), (1 << 12, 1), CUT),
        ((1 << 30, 1 << 30), (0, 0), "a.weight and others are views of few numbers, far larger than the file"),
        ((1 << 62, 1 << 62), (0, 0), CUT),
        ((1 << 90, 2), (0, 0), CUT),
        ((-1, 2), (1, 1), CUT),
    ],
)
def test_shapes_that_the_file_has_no_numbers_for(
    shape: tuple[int, ...], stride: tuple[int, ...], text: str, legacy: bool, tmp_path: Path
) -> None:
    path = tmp_path / "best.pt"
    torch.save({"a.weight": Claims(shape, stride)}, path, _use_new_zipfile_serialization=not legacy)
    assert refused(path) == text


@pytest.mark.usefixtures("here")
def test_numbers_of_nowhere(tmp_path: Path) -> None:
    """A pickle may have PyTorch make a tensor, whose numbers are what the memory held."""
    made = b"\x80\x02}(X\1\0\0\0actorch\nTensor\nK\x09K\x09\x86Ru."
    assert refused(zipped(tmp_path / "best.pt", made)) == "a has shape [9, 9], but the file lacks its numbers"


@pytest.mark.usefixtures("here")
def test_many_views_of_one_storage(tmp_path: Path) -> None:
    base = torch.randn(1 << 18)
    torch.save({f"{at}.weight": base[at : at + (1 << 17)].view(2, -1) for at in range(60)}, tmp_path / "best.pt")
    assert refused(tmp_path / "best.pt").endswith(" and others are views of few numbers, far larger than the file")


@pytest.mark.usefixtures("here")
def test_a_zip_bomb(tmp_path: Path) -> None:
    path, packed = tmp_path / "best.pt", tmp_path / "packed.pt"
    torch.save({"weight": torch.zeros(2000, 2000)}, path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as small:
        for name in archive.namelist():
            small.writestr(name, archive.read(name))
    assert "torch.save compresses none: unpack it, or save it again" in refused(packed)


#: Deep: pairs of pairs as a key, which Python hashes one by one, or calls itself for; and what else is endless.
PAIRS = b"\x80\x02})" + b"".join(b"q%ch%c\x86" % (at, at) for at in range(60)) + b"Ns."
HOSTILE: dict[str, tuple[bytes, str]] = {
    "endless hash": (PAIRS, "takes more than 9 s to read, longer than weights in a file of its size"),
    "deep hash": (b"\x80\x02}N" + b"\x85" * 1_000_000 + b"Ns.", "not a whole checkpoint (the program that read it "),
    "deep dicts": (b"\x80\x02}" + b"X\1\0\0\0a}" * 200_000 + b"s" * 200_000 + b".", "must hold a state_dict"),
    "deep lists": (b"\x80\x02}X\4\0\0\0args" + b"]" * 200_000 + b"a" * 199_999 + b"s.", "must hold a state_dict"),
    "memory": (
        b"\x80\x02ctorch\nTensor\nq\0" + b"h\0J\0\0\0\x70\x85R" * 20 + b".",  # 7 GiB each
        "takes more memory to read than weights in a file of its size could",
    ),
    "touched memory": (
        b"\x80\x02cbuiltins\nbytearray\nq\0" + b"h\0J\0\0\0\x70\x85R" * 4 + b".",
        "takes more memory to read than weights in a file of its size could",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_would_take_all_time_or_memory(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_SECONDS", 9)
    monkeypatch.setattr(containers, "_WALL", 20)  # only computing is short
    pickled, text = HOSTILE[what]
    assert refused(zipped(tmp_path / "best.pt", pickled)).startswith(text)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2_500_000  # KiB


def test_a_reader_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"weight": torch.ones(2, 2)}, tmp_path / "best.pt")
    monkeypatch.setattr(containers, "_WALL", 0.01)
    assert refused(tmp_path / "best.pt").startswith("takes more than ")


@pytest.mark.usefixtures("here")
def test_what_holds_itself(tmp_path: Path) -> None:
    value: dict[str, Any] = {"args": [], "config": {}, "epoch": 3, "model": {"weight": torch.ones(2, 2)}}
    value["config"] |= {"self": value["config"], "whole": value, "twice": [value["args"]] * 3}
    value["args"].append(value["args"])
    value["model"] = {"state_dict": value["model"], "back": value}
    torch.save(value, tmp_path / "best.pt")
    read = read_checkpoint(tmp_path / "best.pt")
    assert (read.where, read.values) == ("model.state_dict", {"epoch": 3})
    assert len(json.dumps(read.told)) < 1_000_000
    lists = b"\x80\x02}X\4\0\0\0args)" + b"q\0h\0\x86" * 60 + b"s."
    assert refused(zipped(tmp_path / "endless.pt", lists)).startswith("must hold a state_dict")
