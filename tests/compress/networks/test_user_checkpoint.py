"""A user's weights: read from many forms of files, and refused in one sentence where they do not fit."""

import os
import pickle
import re
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spikewright.compress.networks.user_checkpoint import load_checkpoint
from spikewright.models.factory import FactoryError
from spikewright.models.spikformer import Spikformer, SpikformerConfig


def small() -> Spikformer:
    return Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2))


def given(path: Path) -> Spikformer:
    """A user's network with the weights of a checkpoint."""
    network = small()
    load_checkpoint(network, path)
    return network


@pytest.mark.parametrize("form", ["safetensors", "misnamed", "parallel", "state_dict", "wrapped", "model", "old"])
def test_weights_come_from_the_checkpoint_whatever_its_form(form: str, tmp_path: Path) -> None:
    torch.manual_seed(4)
    state = small().state_dict()
    path = tmp_path / ("best.safetensors" if form == "safetensors" else "best.pt")
    if form in ("safetensors", "misnamed"):
        save_file(state, path)
    elif form == "parallel":  # as DistributedDataParallel saves it
        torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    elif form in ("wrapped", "model"):
        torch.save({"state_dict" if form == "wrapped" else "model": state, "epoch": 7}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form != "old")
    loaded = given(path).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_published_checkpoints_hold_what_no_forward_pass_reads(tmp_path: Path) -> None:
    """Of CIFAR the blocks' LayerNorms; of DVS a norm and position embedding too, and the arguments of training."""
    state, path = small().state_dict(), tmp_path / "published.pth"
    unused = {f"block.0.norm{i}.{part}": torch.ones(16) for i in (1, 2) for part in ("weight", "bias")}
    torch.save({"state_dict": state | unused, "epoch": 300}, path)
    assert all(torch.equal(given(path).state_dict()[name], tensor) for name, tensor in state.items())
    unused |= {"norm.weight": torch.ones(16), "norm.bias": torch.ones(16), "pos_embed": torch.ones(1, 16, 16)}
    torch.save({"model": state | unused, "args": Namespace(T=16, dim=256)}, path)
    assert all(torch.equal(given(path).state_dict()[name], tensor) for name, tensor in state.items())
    torch.save(state | {"block.0.norm3.weight": torch.ones(16)}, path)
    with pytest.raises(FactoryError, match=r"has no place for block\.0\.norm3\.weight \(1 in all\)$"):
        given(path)


class Runs:
    """Whoever unpickles it, writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return open, (self.path, "w")


class Commands(Runs):
    """Of a module that PyTorch blocks by name."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("fault", ["code", "command", "network"])
def test_a_checkpoint_with_pickled_objects_is_refused_and_nothing_of_it_runs(
    fault: str, zipped: bool, tmp_path: Path
) -> None:
    path, trace = tmp_path / "best.pt", tmp_path / "ran"
    run = (Commands if fault == "command" else Runs)(trace)
    whole = small() if fault == "network" else {"state_dict": small().state_dict(), "more": run}
    torch.save(whole, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(FactoryError) as caught:
        given(path)
    assert str(caught.value) == (
        f"{path}: holds pickled objects beside tensors, which could run code: save the state_dict alone, "
        "best as safetensors"
    )
    assert not trace.exists()


@pytest.mark.parametrize("name", ["best.safetensors", "best.ckpt"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_plain_pickle_is_refused_whatever_it_is_called_and_nothing_of_it_runs(
    name: str, protocol: int, tmp_path: Path
) -> None:
    path, trace = tmp_path / name, tmp_path / "ran"
    path.write_bytes(pickle.dumps({"head.weight": [1.0], "more": Runs(trace)}, protocol))
    with pytest.raises(FactoryError) as caught:
        given(path)
    assert str(caught.value).startswith(f"{path}: holds pickled objects beside tensors, which could run code")
    assert not trace.exists()


@pytest.mark.parametrize(("holds", "fault"), [(b"", "it is empty"), (b"hello world", "neither tensors saved by torch")])
def test_a_file_that_is_no_checkpoint_is_refused_in_words_of_its_own(holds: bytes, fault: str, tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(holds)
    with pytest.raises(FactoryError) as caught:
        given(tmp_path / "best.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'best.pt'}: not a whole checkpoint ({fault}")


@pytest.mark.parametrize("name", ["best.safetensors", "best.pt", "old.pt"])
@pytest.mark.parametrize("left", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(name: str, left: float, tmp_path: Path) -> None:
    path, state = tmp_path / name, small().state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=name == "best.pt")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * left)])
    with pytest.raises(FactoryError) as caught:
        given(path)
    assert re.fullmatch(rf"{path}: not a whole (checkpoint|safetensors file) \(.*\)", str(caught.value))


def test_a_checkpoint_of_another_network_is_refused_by_the_name_that_differs(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"

    def refusal(change: dict[str, torch.Tensor | None]) -> str:
        state = small().state_dict() | change
        torch.save({name: tensor for name, tensor in state.items() if tensor is not None}, path)
        with pytest.raises(FactoryError) as caught:
            given(path)
        return str(caught.value).removeprefix(f"{path}: ")

    assert refusal({"head.weight": torch.ones(10, 17)}) == "head.weight has shape [10, 17]; allowed is [10, 16]"
    assert refusal({"head.weight": None, "head.bias": None}) == "the network misses head.bias (2 in all)"
    assert refusal({"head.weight": None, "tail.weight": torch.ones(1)}) == (
        "the network misses head.weight (1 in all) and has no place for tail.weight (1 in all)"
    )
    negative = {"block.0.attn.q_bn.running_var": -torch.ones(16)}
    assert refusal(negative) == "block.0.attn.q_bn.running_var is a variance, but holds numbers below 0"
    assert refusal({"tail.weight": torch.ones(1)}) == "the network has no place for tail.weight (1 in all)"
    torch.save([torch.ones(2)], path)
    with pytest.raises(FactoryError, match=r"best\.pt: must hold a state_dict, names and tensors$"):
        given(path)
    with pytest.raises(FactoryError, match=r"none\.pt: there is no such checkpoint$"):
        given(tmp_path / "none.pt")
    with pytest.raises(FactoryError, match=r": is a folder: name the checkpoint's file$"):
        given(tmp_path)


TEXTS = ["version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "<html>404</html>", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_a_file_that_is_no_checkpoint_is_not_accused_of_objects(text: str, tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    path.write_text(text)
    with pytest.raises(FactoryError, match=r"best\.pt: not a whole checkpoint \(.+\)"):
        given(path)


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    torch.save(small().state_dict() | {5: torch.ones(1)}, tmp_path / "best.pt")
    with pytest.raises(FactoryError, match="must hold a state_dict, names and tensors"):
        given(tmp_path / "best.pt")
