"""Spiking VGG and ResNet without batch norm (paper 4): as a dense ANN first, then with spiking neurons, same weights.

VGG-11 and -16 as published for CIFAR (two hidden layers of 512 in front of the classifier); ResNet-12, -18 and -20 as
in the SNN literature (DIET-SNN): a stem of 3, 1, 3 convolutions, four stages of 1, 2, 2 blocks each, a linear layer. A
stage begins with a pool, so that every convolution has stride 1, but for images so small that the pool would leave one
pixel: eight of nine weights of the stage's convolutions would never meet a value. A block's sum meets before its neuron
(a membrane shortcut): the identity, or a 1×1 matrix where channels change. All widths are scaled by one factor.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from spikewright.models.data.normalise import Normalised
from spikewright.models.graph import IMAGE, Builder, Result, Size, SpikingNetwork
from spikewright.models.layers import Conv3, Dense, Shortcut, count_pool, or_pool
from spikewright.models.neurons import LIF, PlasticLIF, Rectifier, Surrogate
from spikewright.models.spikformer import Head

#: Channels of VGG's convolutions; 0 is a pool.
VGG = {
    11: (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0),
    16: (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0),
}
#: Stem convolutions and blocks in a stage of ResNet.
RESNET = {12: (3, 1), 18: (1, 2), 20: (3, 2)}
STAGES = (64, 128, 256, 512)
HIDDEN = 512
#: Standard deviation of image codes (``spikewright.models.data.input_table``, 8 bits).
IMAGE_SPREAD = 32


class ConvNetConfig(Normalised):
    """Shape of a spiking VGG or ResNet."""

    family: Literal["vgg", "resnet"]
    depth: int = Field(description="layers with weights: 11, 16 (vgg), 12, 18, 20 (resnet)")
    width_factor: float = Field(default=1.0, gt=0, le=4, description="factor of all widths")
    height: int = Field(default=16, ge=4, le=4096, description="image height in pixels")
    width: int = Field(default=16, ge=4, le=4096, description="image width in pixels")
    channels: int = Field(default=1, ge=1, le=1024, description="image channels")
    classes: int = Field(default=10, ge=1, le=65536, description="classes of the head")
    steps: int = Field(default=4, ge=1, le=64, description="time steps T of the spiking network")
    input_scale: float = Field(
        default=1 / IMAGE_SPREAD,
        gt=0,
        description="what one unit of an image code is worth: 4/2^(input_bits − 1), or 1 for counts of events",
    )
    pool: Literal["count", "or"] = Field(default="count", description="count: average pooling, 0…4; or: OR of 3×3")
    widths: tuple[Annotated[int, Field(ge=1, le=65536)], ...] | None = Field(
        default=None, description="channels of every unit in order, if pruned"
    )

    @model_validator(mode="after")
    def _fits(self) -> ConvNetConfig:
        known = VGG if self.family == "vgg" else RESNET
        if self.depth not in known:
            raise ValueError(f"depth of a {self.family} must be one of {', '.join(map(str, known))}, not {self.depth}")
        if self.height % 4 or self.width % 4:
            raise ValueError(f"height and width must be multiples of 4, not {self.height}×{self.width}")
        units = len(plan(self.model_copy(update={"widths": None})))
        if self.widths is not None and len(self.widths) != units:
            raise ValueError(f"widths must give {units} units, not {len(self.widths)}")
        return self


class UnitPlan(BaseModel):
    """One unit: a pool in front of it or not, its channels, and where a shortcut into its membrane comes from."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["conv", "dense"]
    outputs: int
    pool: bool = False
    shortcut: int | None = None  # the unit whose spikes (pooled as this block's are) join the sum; −1: the stem's


def plan(config: ConvNetConfig) -> list[UnitPlan]:
    """The units in execution order. Pools stop where a grid could not be halved, or a 3×3 would see one pixel."""
    height, width = config.height, config.width

    def halve(least: int = 2) -> bool:
        nonlocal height, width
        if height % 2 or width % 2 or min(height, width) // 2 < least:
            return False
        height, width = height // 2, width // 2
        return True

    def scaled(channels: int) -> int:
        return max(4, round(channels * config.width_factor))

    units: list[UnitPlan] = []
    if config.family == "vgg":
        pool = False
        for i, channels in enumerate(VGG[config.depth]):
            if not channels:
                pool = halve(2 if VGG[config.depth][i + 1 :] else 1)
                continue
            units.append(UnitPlan(kind="conv", outputs=scaled(channels), pool=pool))
            pool = False
        units += [UnitPlan(kind="dense", outputs=scaled(HIDDEN), pool=pool and not i) for i in range(2)]
    else:
        stem, blocks = RESNET[config.depth]
        units += [UnitPlan(kind="conv", outputs=scaled(STAGES[0]))] * stem
        for stage, channels in enumerate(STAGES):
            for block in range(blocks):
                entry = len(units) - 1
                pool = bool(stage) and not block and halve()
                units.append(UnitPlan(kind="conv", outputs=scaled(channels), pool=pool))
                units.append(UnitPlan(kind="conv", outputs=scaled(channels), shortcut=entry))
    if config.widths is not None:
        units = [u.model_copy(update={"outputs": w}) for u, w in zip(units, config.widths, strict=True)]
    return units


class Unit(nn.Module):
    """Synapses, a shortcut or none, and the neuron."""

    def __init__(self, part: UnitPlan, inputs: int, shortcut_inputs: int) -> None:
        super().__init__()
        self.pool = part.pool
        self.synapse: Conv3 | Dense
        if part.kind == "conv":
            self.synapse = Conv3(inputs, part.outputs)
        else:
            self.synapse = Dense(inputs, part.outputs, bias=False)
        self.shortcut = None if part.shortcut is None else Shortcut(shortcut_inputs, part.outputs)
        self.neuron: nn.Module = Rectifier()
        nn.init.kaiming_normal_(self.synapse.weight, nonlinearity="relu")
        if self.shortcut is not None:
            # two branches meet: each gives half of the variance, or sums would double from block to block
            with torch.no_grad():
                self.synapse.weight.mul_(0.5)

    def forward(self, x: Tensor, shortcut: Tensor | None, steps: int) -> Tensor:
        neuron = cast(LIF, self.neuron)
        if isinstance(self.synapse, Dense):
            tokens = x.flatten(3).transpose(2, 3)
            return self.synapse.drive(tokens, None, neuron).transpose(2, 3)[..., None]
        added = None if self.shortcut is None or shortcut is None else (self.shortcut, shortcut)
        return self.synapse.drive(x, None, neuron, steps=steps, shortcut=added)


class ConvNet(SpikingNetwork):
    """Images ``[B, C, H, W]`` to class scores; an ANN (one step) until ``to_spiking``."""

    def __init__(self, config: ConvNetConfig) -> None:
        super().__init__()
        self.config = config
        self.plan = plan(config)
        self.spiking = False
        widths = [config.channels, *(part.outputs for part in self.plan)]
        self.unit = nn.ModuleList(
            Unit(part, widths[i], 0 if part.shortcut is None else widths[part.shortcut + 1])
            for i, part in enumerate(self.plan)
        )
        self.head = Head(widths[-1], config.classes)
        first = cast(Unit, self.unit[0]).synapse
        assert isinstance(first, Conv3)
        first.input_scale = config.input_scale

    def _pool(self, x: Tensor) -> Tensor:
        if self.config.pool == "or":
            return or_pool(x)
        return count_pool(x) if self.spiking else count_pool(x) / 4

    def stages(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the last unit gives, ``[T, B, C, H, W]``, and what every pool reads: the maps that guide (paper 4)."""
        x = images if images.dim() == 5 else images[None]
        steps = self.config.steps if self.spiking else 1
        given: list[Tensor] = []
        maps: list[Tensor] = []
        for part, unit in zip(self.plan, self.unit, strict=True):
            if part.pool:
                maps.append(x)
                x = self._pool(x)
                if given:
                    given[-1] = x  # the block's shortcut is pooled with it
            shortcut = None if part.shortcut is None else given[part.shortcut]
            x = unit(x, shortcut, steps)
            given.append(x)
        return x, [*maps, x]

    @property
    def size(self) -> Size:
        config = self.config
        return Size(config.height, config.width, config.channels, config.classes, config.steps)

    def run(self, images: Tensor) -> Result:
        x, _ = self.stages(images)
        return Result(self.head.read(x.flatten(3).transpose(2, 3), None), [])

    def describe(self, to: Builder) -> str:
        value = IMAGE
        given: list[str] = []
        for i, (part, module) in enumerate(zip(self.plan, self.unit, strict=True)):
            unit = cast(Unit, module)
            if part.pool:
                value = to.pool(f"pool.{i}", value, function=self.config.pool)
                if given:
                    given[-1] = value
            neuron = cast(LIF, unit.neuron)
            if part.kind == "conv":
                shortcut = None if part.shortcut is None else (given[part.shortcut], cast(nn.Module, unit.shortcut))
                value = to.conv(f"unit.{i}.synapse", value, unit.synapse, None, neuron, shortcut=shortcut)
            else:
                value = to.linear(f"unit.{i}.synapse", value, unit.synapse, None, neuron)
            given.append(value)
        return to.head("head", value, self.head)


def to_spiking(
    network: ConvNet, *, level: float = 1.0, leak: float = 1.0, surrogate: Surrogate = "flat-triangle"
) -> None:
    """Replace every ReLU, in place, by paper 4's neuron: soft reset, ``>``, one trained threshold and leak a layer.

    level, leak: where they begin; surrogate: of the spikes' gradient (the paper's is the flat triangle).
    A counting pool gives sums then, so the weights that read it take its ÷ 4.
    """
    like = LIF(reset="soft", compare="gt", surrogate=surrogate)
    like.level, like.leak = level, leak
    for part, module in zip(network.plan, network.unit, strict=True):
        unit = cast(Unit, module)
        unit.neuron = PlasticLIF(like, 1, tail=2 if part.kind == "conv" else 0)
        if part.pool and network.config.pool == "count":
            with torch.no_grad():
                unit.synapse.weight.div_(4)
    for part, module in zip(network.plan, network.unit, strict=True):
        unit = cast(Unit, module)
        if part.shortcut is not None and network.config.pool == "count":
            following = network.plan[part.shortcut + 1]
            if following.pool and isinstance(unit.shortcut, Shortcut):
                unit.shortcut.divide(4)
    network.spiking = True
