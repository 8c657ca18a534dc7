"""Which state of a file is meant, and sentences for those that hold none, several or no plain numbers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from spikewright.compress.checkpoint.containers import read_checkpoint
from spikewright.compress.checkpoint.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("here")


def state(value: float) -> dict[str, torch.Tensor]:
    return {"module.weight": torch.full((2, 2), float(value)), "module.bias": torch.zeros(2)}


def refused(path: Path, value: Any = None, **options: Any) -> str:
    if value is not None:
        torch.save(value, path)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("plain", "averaged"),
    [("state_dict", "state_dict_ema"), ("model", "model_ema"), ("net", "ema"), ("model.a", "model.ema_model.module")],
)
def test_plain_weights_or_their_average(plain: str, averaged: str, tmp_path: Path) -> None:
    path, value = tmp_path / "best.pth", {}
    for place, number in ((plain, 1.0), (averaged, 2.0)):
        *above, last = place.split(".")
        inner: dict[str, Any] = value
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = state(number)
    assert refused(path, value) == (
        f"holds plain weights and their moving average, {plain}, {averaged}: choose by --ema or --no-ema, or name one "
        "as key"
    )
    for options, place, number in (
        ({"ema": False}, plain, 1.0),
        ({"ema": True}, averaged, 2.0),
        ({"key": averaged}, averaged, 2.0),
        ({"key": plain}, plain, 1.0),
    ):
        read = read_checkpoint(path, **options)  # type: ignore[arg-type]
        assert (read.where, float(read.state["weight"][0, 0]), read.prefix) == (place, number, "module.")


def test_one_kind_alone(tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    torch.save({"model_ema": state(2)}, path)
    assert read_checkpoint(path).where == read_checkpoint(path, ema=True).where == "model_ema"
    assert refused(path, ema=False) == "holds no weights but a moving average; it has model_ema"
    text = refused(path, {"schema": state(1)}, ema=True)
    assert text == "holds no moving average of weights, under a key with ema in it; it has schema"
    save_file(state(1), path)
    assert refused(path, ema=True).endswith("under a key with ema in it; it has the whole file")
    assert refused(path, key="a") == "has no state_dict at the key 'a'; it has the whole file"
    assert read_checkpoint(path, ema=False).where == read_checkpoint(path, key="").where == ""


def test_several_states(tmp_path: Path) -> None:
    path = tmp_path / "gan.pth"
    value = {"generator": {"state_dict": state(1)}, "discriminator": state(2), "epoch": 4}
    assert refused(path, value) == (
        "holds 2 states, generator.state_dict, discriminator: name the one that is meant as key"
    )
    assert read_checkpoint(path, key="generator").where == "generator.state_dict"
    assert float(read_checkpoint(path, key="discriminator").state["weight"][0, 0]) == 2
    text = refused(path, value, key="gen")
    assert text == "has no state_dict at the key 'gen'; it has generator.state_dict, discriminator"
    many = refused(path, {f"expert{at}": state(at) for at in range(20)})
    assert many.startswith("holds 20 states, expert0, ")
    assert many.endswith(", expert7 and 12 more: name the one that is meant as key")
    same = state(3)
    torch.save({"model": same, "state_dict": same}, path)  # one, saved under two names
    assert read_checkpoint(path).where == "model"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ([torch.ones(2, 2)], "one list"),
        (torch.ones(2, 2), "one Tensor"),
        ({}, "nothing"),
        ({"epoch": 3, "optimizer": {"a": torch.ones(2, 2)}}, "the keys epoch, optimizer"),
        ({"weight": torch.ones(2), 5: torch.ones(2, 2)}, "the keys weight, 5"),
        ({"codes": torch.ones(2, 2, dtype=torch.int8)}, "the keys codes"),
        ({f"k{at}": at for at in range(11)}, "the keys k0, k1, k2, k3, k4, k5, k6, k7 and 3 more"),
        ({"k" * 500: 1}, f"the keys {'k' * 77}..."),
    ],
)
def test_no_state(value: Any, holds: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "best.pth", value) == (
        "must hold a state_dict: names, and tensors of which one has floating-point numbers on two axes, alone or "
        "under a key such as state_dict, state_dict_ema, model, net, model_state_dict, model_ema, ema, module, "
        f"network, teacher; it holds {holds}"
    )


NAME = "block.weight"


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (torch.ones(2, 2).to_sparse(), f"{NAME} is sparse; allowed are dense tensors"),
        (torch.ones(2, 2).to_sparse_csr(), f"{NAME} is sparse; allowed are dense tensors"),
        (torch.ones(2, 2, device="meta"), f"{NAME} is without numbers (meta); allowed are dense tensors"),
        (torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8), f"{NAME} is quantised; allowed are dense"),
        (torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), f"{NAME} is nested; allowed are dense tensors"),
        (torch.ones(2, dtype=torch.complex64), f"{NAME} is complex64; allowed are whole and floating-point numbers"),
    ],
)
def test_tensors_that_are_not_plain_numbers(tensor: torch.Tensor, text: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "best.pth", state(1) | {NAME: tensor}).startswith(text)


def test_jagged_tensors(tmp_path: Path) -> None:
    jagged = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    assert "nested" in refused(tmp_path / "best.pth", state(1) | {NAME: jagged})


def test_where_there_is_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path) == "is a folder: name the checkpoint's file"
    assert refused(tmp_path / "none") == "there is no such checkpoint"
