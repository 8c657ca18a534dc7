"""A user's network against the golden model of what it describes, before training: names and layouts are its own."""

import re
import types
from pathlib import Path

import pytest
import torch

from spikewright.commands.described import check_described
from spikewright.compress.run.preflight import checked
from spikewright.models.factory import FactoryError
from spikewright.models.graph import Builder, Result
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Attention, Spikformer, SpikformerConfig

RECIPE = """
name: mine
data: digits
model: {factory: "MODULE:BUILD"}
training: {batch: 8, images: 16}
teacher: {epochs: 1}
constraints:
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""


class Renamed(Spikformer):
    """Its attention has a name of its own, and its neuron sees the products in a layout of its own."""

    layout = "merged"

    def __init__(self) -> None:
        super().__init__(SpikformerConfig(dim=32, depth=1, heads=2, steps=2, mlp_ratio=2))
        attention = self.block[0].attn
        attention.forward = types.MethodType(_forward, attention)
        attention.layout = self.layout

    def describe(self, to: Builder) -> str:
        real = to.attention
        to.attention = lambda name, *rest, **more: real("mixes", *rest, **more)
        try:
            return super().describe(to)
        finally:
            del to.attention


def _forward(self: Attention, x: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
    apart = (*x.shape[:-1], self.heads, -1)
    q, k, v = (self._spikes(name, x).reshape(apart).transpose(2, 3) for name in "qkv")
    sums = q @ (k.transpose(-1, -2) @ v)
    merged = sums.transpose(2, 3).flatten(3)
    if self.layout == "apart":
        spikes = self.attn_lif(sums).transpose(2, 3).flatten(3)
    elif self.layout == "flat":
        spikes = self.attn_lif(merged.flatten(1, 2)).reshape(merged.shape)
    elif self.layout == "channels first":
        spikes = self.attn_lif(merged.transpose(2, 3)).transpose(2, 3)
    else:
        spikes = self.attn_lif(merged)
    return self._spikes("proj", spikes)


class Apart(Renamed):
    layout = "apart"


class Flat(Renamed):
    layout = "flat"


class ChannelsFirst(Renamed):
    layout = "channels first"


class Unasked(Renamed):
    """A neuron that it describes is never asked."""

    def run(self, images: torch.Tensor) -> Result:
        neuron, attention = LIF(v_threshold=0.5, scale=0.125), self.block[0].attn
        kept, attention.attn_lif = attention.attn_lif, neuron
        try:
            return super().run(images)
        finally:
            attention.attn_lif = kept


def put(build: str, folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text(RECIPE.replace("MODULE", __name__).replace("BUILD", build))
    return path


@pytest.mark.parametrize("build", ["Renamed", "Apart", "Flat"])
def test_names_and_layouts_are_the_users(build: str, tmp_path: Path) -> None:
    recipe, task = checked(put(build, tmp_path), check_described)
    assert (recipe.name, len(task.data.train)) == ("mine", 1257)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            "ChannelsFirst",
            "the neuron of mixes answers spikes of shape [2, 4, 32, 16]; allowed is [2, 4, 16, 32], of steps, images, "
            "tokens and channels, or a grid of pixels behind the channels",
        ),
        ("Unasked", "the neuron of mixes is never called"),
    ],
)
def test_what_cannot_be_compared_is_told_as_it_is(build: str, text: str, tmp_path: Path) -> None:
    start = f"factory '{__name__}:{build}': run and describe tell two networks: "
    with pytest.raises(FactoryError, match=f"^{re.escape(start + text)}$"):
        checked(put(build, tmp_path), check_described)
