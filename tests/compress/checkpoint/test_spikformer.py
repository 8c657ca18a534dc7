"""The port of tiny networks that the authors' own code has run: every class score, every spike."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.families import recognise
from spikewright.compress.checkpoint.spikformer import config_of, ported, shapes_of
from spikewright.flow.importing.reference import Reference, check_port
from spikewright.models.spikformer import Spikformer

OFFICIAL = Path(__file__).parent / "official"
NAMES = ("spikformer-cifar-tiny", "spikformer-dvs-tiny", "spikformer-imagenet-tiny")
WRONG = ({"heads": 1}, {"scale": 0.5}, {"threshold": 1.25}, {"attention_threshold": 0.25})


class Official:
    """One file: state, input, and what came out."""

    def __init__(self, name: str) -> None:
        with np.load(OFFICIAL / f"{name}.npz") as file:
            self.arrays = dict(file.items())
        self.state = {k[6:]: torch.from_numpy(a) for k, a in self.arrays.items() if k.startswith("state.")}
        self.inputs = torch.from_numpy(self.arrays["input"])
        self.frames = self.inputs.dim() == 5

    def spikes(self) -> dict[str, torch.Tensor]:
        found = {}
        for key, bits in self.arrays.items():
            if key.startswith("spikes."):
                shape = self.arrays[f"shape.{key[7:]}"]
                found[key[7:]] = torch.from_numpy(np.unpackbits(bits)[: int(np.prod(shape))].reshape(shape))
        return found

    def reference(self) -> Reference:
        return Reference(self.inputs, torch.from_numpy(self.arrays["logits"]), self.spikes(), "the authors' code")

    def build(self, dtype: torch.dtype, **wrong: float) -> Spikformer:
        recognised = recognise(self.state)
        shapes = shapes_of(self.state, recognised)
        config = config_of(
            shapes, recognised, heads=int(wrong.pop("heads", self.arrays["told.heads"])),
            steps=int(self.arrays["told.steps"]), side=tuple(self.inputs.shape[-2:]),
            pools=tuple(wrong.pop("pools", self.arrays["told.pools"].tolist())),
            scale=float(wrong.pop("scale", self.arrays["told.scale"])),
        )  # fmt: skip
        return ported(self.state, recognised, config, dtype=dtype, **wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_score_and_every_spike_is_the_authors(name: str) -> None:
    official = Official(name)
    checked = check_port(official.build, official.reference(), frames=official.frames)
    assert checked.logits <= 1e-9
    assert checked.spikes == 0
    assert checked.compared == sum(spikes.numel() for spikes in official.spikes().values()) > 10_000


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_each_wrong_setting_fails_and_names_the_first_layer(name: str, wrong: dict) -> None:
    official = Official(name)
    with pytest.raises(CheckpointError, match=r"the port is not its source: .*the first layer that differs is \S+, in"):
        check_port(lambda dtype: official.build(dtype, **wrong), official.reference(), frames=official.frames)


def test_what_the_reference_leaves_silent_is_told() -> None:
    """No attention of this one fires, so that two heads for four give the same answers: nothing has checked them."""
    official = Official("spikformer-imagenet-tiny")
    checked = check_port(lambda dtype: official.build(dtype, heads=2), official.reference(), frames=False)
    assert checked.silent == ("block.0.attn.attn", "block.0.attn.proj_conv")


def test_wrong_pools_and_wrong_normalisation_fail() -> None:
    official = Official("spikformer-cifar-tiny")
    with pytest.raises(CheckpointError, match=r"is not its source|the port's are"):
        check_port(lambda dtype: official.build(dtype, pools=(1, 2)), official.reference(), frames=False)
    shifted = Reference((official.inputs - 0.1) * 1.2, official.reference().logits, {}, "r.npz")
    with pytest.raises(CheckpointError, match=r"give spikes\.LAYER in --reference to see where it begins"):
        check_port(official.build, shifted, frames=False)


def test_a_number_of_heads_that_does_not_divide_is_refused() -> None:
    with pytest.raises(CheckpointError, match="dim must be a multiple of 8 and of heads = 5, not 32"):
        Official("spikformer-cifar-tiny").build(torch.float32, heads=5)


def test_the_network_that_bears_spikformers_names_is_refused() -> None:
    with pytest.raises(CheckpointError, match="this is SDT v1"):
        recognise(Official("sdt-v1-tiny").state)
