"""Files that would run code, and whole models, are refused, and nothing of them runs."""

import builtins
import os
import pickle
import re
import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spikewright.compress.checkpoint.containers import read_checkpoint
from spikewright.compress.checkpoint.errors import CheckpointError

OBJECTS = r"holds pickled objects beside tensors \({}\), which could run code: save the state_dict alone, best as .*"
CALLS: dict[str, tuple[Callable[..., Any], Callable[[Path], tuple[Any, ...]], str]] = {
    "system": (os.system, lambda trace: (f"touch '{trace}'",), "posix.system"),
    "open": (open, lambda trace: (str(trace), "w"), "io.open"),
    "eval": (builtins.eval, lambda trace: (f"open({str(trace)!r}, 'w')",), "eval"),
    "exec": (builtins.exec, lambda trace: (f"open({str(trace)!r}, 'w')",), "exec"),
    "getattr": (getattr, lambda trace: (trace, "touch"), "getattr"),
    "import": (builtins.__import__, lambda trace: ("os",), "__import__"),
    "class": (Path, lambda trace: (trace,), ""),
    "bound": (Path.touch, lambda trace: (trace,), "getattr"),
    "torch": (torch.load, lambda trace: (str(trace),), "torch.serialization.load"),
}


class Calls:
    """Whoever unpickles it, calls a function."""

    def __init__(self, what: str, trace: Path) -> None:
        function, arguments, _ = CALLS[what]
        self.call = function, arguments(trace)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def nested(place: str, inner: object) -> object:
    state: dict[Any, Any] = {"weight": torch.ones(2, 2)}
    return {
        "top": inner,
        "state": {**state, "more": inner},
        "beside": {"model": state, "args": inner},
        "namespace": {"model": state, "args": Namespace(a=[{"b": (inner,)}])},
        "key": {"model": state, (inner,): 1},
    }[place]


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["top", "state", "beside", "namespace", "key"])
@pytest.mark.parametrize("what", [name for name in CALLS if name != "class"])
def test_calls_are_refused_by_name(what: str, place: str, zipped: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "best.pt", tmp_path / "ran"
    torch.save(nested(place, Calls(what, trace)), path, _use_new_zipfile_serialization=zipped)
    text = refused(path)
    assert re.fullmatch(OBJECTS.format(r"\S+"), text)
    if what != "bound":
        assert CALLS[what][2] in text
    assert not trace.exists()


@pytest.mark.parametrize("place", ["top", "namespace"])
def test_the_reader_itself_runs_nothing(place: str, tmp_path: Path) -> None:
    path, trace = tmp_path / "best.pt", tmp_path / "ran"
    torch.save(nested(place, Calls("system", trace)), path)
    assert re.fullmatch(OBJECTS.format("posix.system"), refused(path))
    assert not trace.exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("member", [None, "data.pkl", "version", "byteorder", ".format_version"])
def test_plain_pickles_and_members_of_zip_files(member: str | None, protocol: int, tmp_path: Path) -> None:
    path, trace = tmp_path / "best.pt", tmp_path / "ran"
    code = pickle.dumps({"weight": [1.0], "more": Calls("system", trace)}, protocol)
    if member is None:
        path.write_bytes(code)
    else:
        torch.save({"weight": torch.ones(2, 2)}, path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in ({f"best/{member}": b""} | members).items():
                archive.writestr(name, code if name == f"best/{member}" else data)
    if member == "data.pkl" and protocol in (0, 4, 5):
        assert refused(path).startswith("has a pickle protocol that cannot be read without running it; allowed is 2")
    elif member in (None, "data.pkl"):
        assert re.fullmatch(OBJECTS.format(r"\S+"), refused(path))
    elif member in ("byteorder", "version"):
        assert refused(path).startswith("not a whole checkpoint")
    else:  # which are not pickles, whatever they hold
        assert read_checkpoint(path).where == ""
    assert not trace.exists()


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"epoch": 3, "model": net}])
def test_a_whole_model_is_refused_with_the_lines_that_help(wrap: Any, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "whole model.pth"
    torch.save(wrap(Net()), path, _use_new_zipfile_serialization=zipped, pickle_module=_ByName)
    assert refused(path) == (
        "holds a whole pickled model, which runs code when it is loaded: where it was trained, save its weights alone, "
        "by the two lines model = torch.load('whole model.pth', weights_only=False) and torch.save(model.state_dict(), "
        '"weights.pth")'
    )


class _ByName:
    """A pickle module that takes the class above, which pytest imports under no name."""

    class Pickler(pickle._Pickler):  # type: ignore[name-defined]
        def save_global(self, obj: Any, name: str | None = None) -> None:
            if obj is Net:
                self.write(b"cmypkg.net\nNet\n")
            else:
                super().save_global(obj, name)

        dispatch = pickle._Pickler.dispatch | {type: save_global}  # type: ignore[attr-defined]

    @staticmethod
    def dump(obj: Any, file: Any, protocol: int) -> None:
        _ByName.Pickler(file, protocol).dump(obj)


@pytest.mark.usefixtures("here")
def test_other_forms_that_are_code(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    torch.jit.script(Net()).save(path)
    assert refused(path).startswith("is a TorchScript program, which could run code: where it was trained, save its ")
    torch.save({"a.weight": torch.ones(2, 2), "more": {"a" * 300: 3}}, path, pickle_protocol=4)
    assert refused(path).startswith("has a pickle protocol that cannot be read without running it; allowed is 2")
