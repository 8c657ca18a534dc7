"""A network of your own as a recipe's model: layers of Spikewright, and ``describe``, which tells its graph once.

What ``run`` computes is compared with what ``describe`` tells, spike by spike, before anything is trained. Allowed are
Conv3, Dense, Pointwise and Head, each but the head with a LIF and, if you like, a batch norm; or_pool and count_pool;
residual additions and attention as in models/spikformer.py; shortcuts as in models/convnets.py.

    python examples/own_network.py
"""

import json
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from spikewright.commands.described import check_described
from spikewright.compress.run.runner import run_recipe
from spikewright.models.data import load
from spikewright.models.graph import IMAGE, Builder, Result, Size, SpikingNetwork
from spikewright.models.layers import Conv3, Dense, or_pool
from spikewright.models.neurons import LIF
from spikewright.models.package import read_package
from spikewright.models.spikformer import Head
from spikewright.sim.golden import run as golden

STEPS = 4
#: ``spikewright compress RECIPE.yaml -o RUN`` takes the same; own_network is looked for in the current folder, too.
RECIPE = """
name: own
data: digits
model: {factory: "own_network:build", arguments: {channels: 32}}   # checkpoint: mine.pt, then epochs: 0, rewind: 0
training: {batch: 32, images: 256}
teacher: {epochs: 2}
constraints:
  masks: {method: lottery, sparsity: 0.5, rounds: 1, epochs: 1, rewind: 1}
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""


class OwnNetwork(SpikingNetwork):
    """Two convolutions with pools, one matrix for all tokens, class scores; it reads image codes, [-128, 127]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.lif1 = Conv3(1, 16), nn.BatchNorm2d(16), LIF()
        self.conv2, self.bn2, self.lif2 = Conv3(16, channels), nn.BatchNorm2d(channels), LIF()
        self.mix, self.bn3, self.lif3 = Dense(channels, channels), nn.BatchNorm1d(channels), LIF()
        self.head = Head(channels, 10)
        # self.conv1.input_scale = 4 / 2**7  # where its weights come from a training on (p - mean)/std

    @property
    def size(self) -> Size:
        return Size(height=16, width=16, channels=1, classes=10, steps=STEPS)

    def run(self, images: Tensor) -> Result:
        x = images if images.dim() == 5 else images[None]  # [1 or T, B, C, H, W]
        x = or_pool(self.conv1.drive(x, self.bn1, self.lif1, steps=STEPS))
        x = or_pool(self.conv2.drive(x, self.bn2, self.lif2, steps=STEPS))
        x = x.flatten(3).transpose(2, 3)  # [T, B, tokens, channels]
        x = self.mix.drive(x, self.bn3, self.lif3)
        return Result(self.head.read(x, None), [])

    def describe(self, to: Builder) -> str:
        value = to.pool("pool1", to.conv("conv1", IMAGE, self.conv1, self.bn1, self.lif1))
        value = to.pool("pool2", to.conv("conv2", value, self.conv2, self.bn2, self.lif2))
        value = to.linear("mix", value, self.mix, self.bn3, self.lif3)
        return to.head("head", value, self.head)


def build(channels: int) -> OwnNetwork:
    return OwnNetwork(channels)


def main(folder: Path) -> None:
    torch.set_num_threads(1)  # the network is small
    recipe = folder / "own.yaml"
    recipe.write_text(RECIPE)
    package = read_package(run_recipe(recipe, folder / "RUN", witness=check_described))
    same = golden(package, load("digits").test.images).classes == package.tensors["record.quantised"]
    print(f"own: {int(same.sum())} of {len(same)} classes of the integers equal the network's")
    by = json.loads((folder / "RUN" / "metrics.json").read_text())["compression"]
    print(f"own: compression {by['bits']:.1f}x by bits, {by['weights']:.1f}x by weights, {by['stored']:.1f}x stored")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
