"""Every container of weights that people save gives the same state."""

import os
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from spikewright.compress.checkpoint.containers import read_checkpoint
from spikewright.compress.checkpoint.states import WRAPPERS

pytestmark = pytest.mark.usefixtures("here")


def weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {"conv.weight": torch.randn(4, 3, generator=generator), "conv.bias": torch.randn(4, generator=generator)}


def saved(path: Path, value: Any, **options: Any) -> Path:
    torch.save(value, path, **options)
    return path


def equal(state: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return list(state) == list(other) and all(
        state[name].dtype == tensor.dtype and torch.equal(state[name], tensor) for name, tensor in other.items()
    )


@pytest.mark.parametrize("name", ["best.pth", "best.pt", "best.pth.tar", "best.safetensors", "best"])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_file_is_what_it_holds_and_not_what_it_is_called(form: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if form == "safetensors":
        save_file(weights(), path)
    else:
        torch.save(OrderedDict(weights()), path, _use_new_zipfile_serialization=form == "zip")
    read = read_checkpoint(path)
    assert equal(dict(sorted(read.state.items())), dict(sorted(weights().items())))
    assert (read.path, read.where, read.prefix, read.told, read.values) == (path, "", "", {}, {})


@pytest.mark.parametrize("keys", [(key,) for key in WRAPPERS] + [("ckpt", "model", "state_dict"), ("a", "net", "b")])
def test_a_state_is_found_under_any_keys(keys: tuple[str, ...], tmp_path: Path) -> None:
    value: Any = weights()
    for key in reversed(keys):
        value = {key: value, "epoch": 3}
    read = read_checkpoint(saved(tmp_path / "best.pth", value))
    assert read.where == ".".join(keys)
    assert equal(read.state, weights())
    assert read.values == {"epoch": 3}


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "_orig_mod.module.", "module._orig_mod.", "module.model.module."]
)
@pytest.mark.parametrize("form", ["torch", "safetensors"])
def test_prefixes_are_taken_off_where_every_name_has_them(prefix: str, form: str, tmp_path: Path) -> None:
    state = {f"{prefix}{name}": tensor for name, tensor in weights().items()}
    path = tmp_path / "best"
    if form == "torch":
        torch.save(state, path)
    else:
        save_file(state, path)
    read = read_checkpoint(path)
    assert read.prefix == prefix
    assert equal(dict(sorted(read.state.items())), dict(sorted(weights().items())))
    torch.save(state | {"head.weight": torch.ones(2, 2)}, path)
    read = read_checkpoint(path)
    assert (read.prefix, set(read.state)) == ("", {*state, "head.weight"})


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2, torch.int8, torch.bool, torch.uint16]
)
def test_numbers_keep_their_type(dtype: torch.dtype, tmp_path: Path) -> None:
    state = weights() | {"more": torch.tensor([0, 1, 1, 0]).to(dtype)}
    assert equal(read_checkpoint(saved(tmp_path / "best.pth", state)).state, state)


def test_views_are_dense_and_tied_weights_one_tensor(tmp_path: Path) -> None:
    whole, large = torch.arange(12.0).reshape(3, 4), torch.randn(300, 200)
    state = {"turned": whole.t(), "row": whole[1], "none": torch.ones(0, 3), "mean": torch.ones(1).expand(3, 5)}
    state |= {f"block.{at}.weight": large for at in range(50)}
    read = read_checkpoint(saved(tmp_path / "best.pth", state)).state
    assert equal(read, state)
    assert all(tensor.is_contiguous() for tensor in read.values())
    assert read["block.0.weight"] is read["block.49.weight"]


BESIDE: dict[str, Any] = {
    "epoch": 7,
    "lr": np.float64(0.5),
    "count": np.int64(-3),
    "half": np.float16(1.5),
    "done": np.bool_(True),
    "top1": torch.tensor(0.25),
    "arch": "spikformer",
    "word": np.str_("no number"),
    "nothing": None,
    "infinite": float("inf"),
    "large": 1 << 200,
    "names": ["a", "b"],
    "args": Namespace(T=4, out=PurePosixPath("runs/1"), inner=SimpleNamespace(dim=8), mean=(0.5, np.float32(0.25))),
    "opt": SimpleNamespace(heads=2),
    "config": {"depth": 1, 5: "five", "dtype": torch.float16, "layers": [1, None, {"a": torch.ones(4)}]},
    "rng_state": torch.zeros(2, 2),
}


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_told_beside_the_weights(zipped: bool, tmp_path: Path) -> None:
    moments = torch.optim.AdamW([torch.nn.Parameter(torch.ones(4, 3))])
    sum(parameter.sum() for parameter in moments.param_groups[0]["params"]).backward()  # type: ignore[union-attr]
    moments.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(moments, [3, 5])
    more = {"optimizer": moments.state_dict(), "lr_scheduler": schedule.state_dict(), "optimizer_G": weights()}
    value = {"model": weights(), **BESIDE, **more}
    read = read_checkpoint(saved(tmp_path / "best.pth", value, _use_new_zipfile_serialization=zipped))
    assert read.values == {
        "epoch": 7, "lr": 0.5, "count": -3, "half": 1.5, "done": True, "top1": 0.25, "arch": "spikformer",
    }  # fmt: skip
    assert read.told == {
        "T": 4, "out": "runs/1", "inner": {"dim": 8}, "mean": [0.5, 0.25], "heads": 2,
        "depth": 1, "5": "five", "dtype": "torch.float16", "layers": [1, None, {}],
    }  # fmt: skip
    assert equal(read.state, weights())


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        (b"pathlib\nPurePosixPath", b"pathlib\nPosixPath", PurePosixPath("a/b")),
        (b"pathlib\nPurePosixPath", b"pathlib._local\nPosixPath", PurePosixPath("a/b")),
        (b"pathlib\nPureWindowsPath", b"pathlib\nWindowsPath", PureWindowsPath("C:/a")),
        (b"numpy._core.multiarray", b"numpy.core.multiarray", np.float64(2.5)),
    ],
)
def test_other_versions_and_systems(old: bytes, new: bytes, value: object, tmp_path: Path) -> None:
    path = saved(
        tmp_path / "best.pth", {"net": weights(), "args": Namespace(told=value)}, _use_new_zipfile_serialization=False
    )
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    told = read_checkpoint(path).told["told"]
    assert told == (value if isinstance(value, float) else str(value))


def test_a_name_may_be_any_text(tmp_path: Path) -> None:
    state = weights() | {"__metadata__": torch.ones(1), "\ud800 é\n": torch.ones(2), "": torch.ones(3)}
    assert equal(read_checkpoint(saved(tmp_path / "best.pth", state)).state, state)


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "-best.pth", weights())
    monkeypatch.chdir(tmp_path)
    assert equal(read_checkpoint(Path("-best.pth")).state, weights())
    assert os.listdir() == ["-best.pth"]
