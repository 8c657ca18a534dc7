"""A user's weights: read from many forms of files, and refused in one sentence where they do not fit."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.networks.build import untrained_teacher
from spikewright.compress.networks.user_checkpoint import load_checkpoint
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.models.factory import FactoryError
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Spikformer, SpikformerConfig


def small() -> Spikformer:
    return Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2))


def given(path: Path) -> Spikformer:
    """A user's network with the weights of a checkpoint."""
    network = small()
    load_checkpoint(network, path)
    return network


def same(loaded: dict[str, Tensor], state: dict[str, Tensor]) -> bool:
    """Whether all numbers of a state are in what was loaded."""
    return all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


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
    assert same(given(path).state_dict(), state)


def test_published_checkpoints_hold_what_no_forward_pass_reads(tmp_path: Path) -> None:
    """Of CIFAR the blocks' LayerNorms; of DVS a norm and position embedding too, and the arguments of training."""
    state, path = small().state_dict(), tmp_path / "published.pth"
    unused = {f"block.0.norm{i}.{part}": torch.ones(16) for i in (1, 2) for part in ("weight", "bias")}
    torch.save({"state_dict": state | unused, "epoch": 300}, path)
    assert same(given(path).state_dict(), state)
    unused |= {"norm.weight": torch.ones(16), "norm.bias": torch.ones(16), "pos_embed": torch.ones(1, 16, 16)}
    torch.save({"model": state | unused, "args": Namespace(T=16, dim=256)}, path)
    assert same(given(path).state_dict(), state)
    torch.save(state | {"block.0.norm3.weight": torch.ones(16)}, path)
    with pytest.raises(FactoryError, match=r"has no place for block\.0\.norm3\.weight \(1 in all\)$"):
        given(path)


@pytest.mark.parametrize(("holds", "fault"), [(b"", "it is empty"), (b"hello world", "neither tensors saved by torch")])
def test_a_file_that_is_no_checkpoint_is_refused_in_words_of_its_own(holds: bytes, fault: str, tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(holds)
    with pytest.raises(CheckpointError) as caught:
        given(tmp_path / "best.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'best.pt'}: not a whole checkpoint ({fault}")


def test_a_checkpoint_of_another_network_is_refused_by_the_name_that_differs(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"

    def refusal(change: dict[str, torch.Tensor | None]) -> str:
        state = small().state_dict() | change
        save_file({name: tensor for name, tensor in state.items() if tensor is not None}, path)
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


def test_names_keep_what_the_network_itself_begins_with(tmp_path: Path) -> None:
    network = SpikingNetwork()
    network.module = torch.nn.Linear(2, 2)
    for at, prefix in enumerate(("", "module.", "_orig_mod.module.")):
        state = {f"{prefix}{name}": torch.full_like(part, at) for name, part in network.state_dict().items()}
        save_file(state, tmp_path / "best.safetensors")
        load_checkpoint(network, tmp_path / "best.safetensors")
        assert all(bool((part == at).all()) for part in network.state_dict().values())


def test_old_files_do_not_count_batches(tmp_path: Path) -> None:
    state = small().state_dict()
    few = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(few) < len(state)
    save_file(few, tmp_path / "best.safetensors")
    assert same(given(tmp_path / "best.safetensors").state_dict(), few)


def test_a_key_names_one_of_several_states(tmp_path: Path) -> None:
    path, state = tmp_path / "best.pt", small().state_dict()
    averaged = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    torch.save({"model": state, "model_ema": averaged}, path)
    with pytest.raises(CheckpointError, match="plain weights and their moving average, model, model_ema"):
        given(path)
    network = small()
    load_checkpoint(network, path, key="model_ema")
    assert not any(bool(tensor.any()) for tensor in network.state_dict().values())
    recipe = parse_recipe(
        "name: t\ndata: digits\nmodel: {family: spikformer, dim: 16, depth: 1, heads: 2, mlp_ratio: 2}\n"
        f"teacher: {{checkpoint: {path}, key: model_ema}}\n"
        'constraints: {quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}}'
    )
    assert not any(bool(tensor.any()) for tensor in untrained_teacher(recipe).state_dict().values())
