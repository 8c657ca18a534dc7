"""Spikformer in plain PyTorch (docs/methods.md; Zhou et al., ICLR 2023), with the published state_dict names.

Values between layers are ``[T, B, ...]``. Spikes are 0/1; the residual stream is an integer: up to 2 after the patch
embedding (spikes + rpe spikes) and up to 2 more after each block.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol, cast

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from spikewright.models.data.normalise import Normalised
from spikewright.models.graph import IMAGE, Builder, Result, Size, SpikingNetwork
from spikewright.models.layers import Conv3, Dense, Pointwise, or_pool
from spikewright.models.neurons import LIF, Surrogate
from spikewright.models.strict import Strict

#: Parameters of published checkpoints, of both layouts, that no forward pass reads.
PUBLISHED_UNUSED = re.compile(r"block\.\d+\.norm[12]\.(weight|bias)|norm\.(weight|bias)|pos_embed")


class BlockWidths(Strict):
    """Widths inside one block, where they are not those of ``dim`` and ``mlp_ratio`` (structured pruning, paper 3)."""

    qk: int = Field(ge=1, le=65536, description="channels of q and of k, all heads together")
    v: int = Field(ge=1, le=65536, description="channels of v and of the attention, all heads together")
    hidden: int = Field(ge=1, le=2**20, description="channels between fc1 and fc2")


class SpikformerConfig(Normalised):
    """Shape of a Spikformer. Everything a checkpoint does not tell (heads, T) is here."""

    family: Literal["spikformer"] = "spikformer"
    height: int = Field(default=16, ge=1, le=4096, description="image height in pixels")
    width: int = Field(default=16, ge=1, le=4096, description="image width in pixels")
    channels: int = Field(default=1, ge=1, le=1024, description="image channels")
    classes: int = Field(default=10, ge=1, le=65536, description="classes of the head")
    steps: int = Field(default=4, ge=1, le=64, description="time steps T")
    dim: int = Field(
        default=64, ge=8, le=8192, description="embedding width D; the patch embedding has D/8, D/4, D/2, D channels"
    )
    depth: int = Field(default=2, ge=1, le=256, description="encoder blocks")
    heads: int = Field(default=4, ge=1, description="attention heads, contiguous slices of D")
    mlp_ratio: int = Field(default=4, ge=1, le=64, description="hidden width of the MLP over D")
    pools: tuple[int, ...] = Field(
        default=(3, 4), description="which of the patch embedding's convolutions 1…4 a pool follows"
    )
    layout: Literal["linear", "conv1d"] = Field(
        default="linear", description="token layers: Linear with bias (CIFAR), or Conv1d with no bias at q, k, v (DVS)"
    )
    attention_scale: float = Field(default=0.125, gt=0, description="factor on (q·kᵀ)·v: 0.125 (CIFAR) or 0.25 (DVS)")
    input_scale: float = Field(
        default=1.0,
        gt=0,
        description="what one unit of an image code is worth: 4/2^(input_bits − 1), so 0.03125, where weights come "
        "from a training on (p − mean)/std",
    )
    residual: str = Field(default="add", description="residual kind: 'add'")
    surrogate: Surrogate = Field(default="atan", description="surrogate gradient of the spike")
    blocks: tuple[BlockWidths, ...] | None = Field(
        default=None, description="widths of each block; dim's, if not given"
    )
    stream_limit: int | None = Field(
        default=None,
        le=65535,
        description="the residual stream saturates here: 1, 3, 7, ..., what some bit-planes hold",
    )

    @field_validator("residual")
    @classmethod
    def _known_residual(cls, value: str) -> str:
        if value != "add":
            raise ValueError(f"residual kind must be 'add' (spikes added to an integer stream), not {value!r}")
        return value

    @field_validator("stream_limit")
    @classmethod
    def _fills_planes(cls, value: int | None) -> int | None:
        if value is not None and (value < 1 or value & (value + 1)):
            raise ValueError(f"must be 1, 3, 7, ..., the greatest value of some bit-planes, not {value}")
        return value

    @model_validator(mode="after")
    def _shapes_fit(self) -> SpikformerConfig:
        if self.dim % 8 or self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of 8 and of heads = {self.heads}, not {self.dim}")
        if not set(self.pools) <= {1, 2, 3, 4} or len(set(self.pools)) != len(self.pools):
            raise ValueError(f"pools must be different numbers from 1, 2, 3, 4, not {self.pools}")
        shrink = 2 ** len(self.pools)
        if self.height % shrink or self.width % shrink:
            raise ValueError(f"height and width must be multiples of {shrink}, not {self.height}×{self.width}")
        if (1.0 / self.attention_scale) % 1:
            raise ValueError(f"attention_scale must be 1/integer, not {self.attention_scale!r}")
        if self.blocks is not None and len(self.blocks) != self.depth:
            raise ValueError(f"blocks must give the widths of {self.depth} blocks, not of {len(self.blocks)}")
        for i, block in enumerate(self.blocks or ()):
            if block.qk % self.heads or block.v % self.heads:
                raise ValueError(f"blocks[{i}]: qk and v must be multiples of heads = {self.heads}")
        return self

    def widths(self, block: int) -> BlockWidths:
        """Widths inside a block."""
        if self.blocks is not None:
            return self.blocks[block]
        return BlockWidths(qk=self.dim, v=self.dim, hidden=self.dim * self.mlp_ratio)

    @property
    def tokens(self) -> int:
        """Tokens N that leave the patch embedding."""
        return (self.height * self.width) >> (2 * len(self.pools))


class PatchEmbed(nn.Module):
    """Spiking patch splitting (SPS): four conv + BN + LIF, OR-pools on spikes, and the rpe convolution."""

    def __init__(self, config: SpikformerConfig) -> None:
        super().__init__()
        self.steps = config.steps
        self.pools = frozenset(config.pools)
        widths = (config.channels, config.dim // 8, config.dim // 4, config.dim // 2, config.dim)
        for i, name in enumerate(("", "1", "2", "3")):
            setattr(self, f"proj_conv{name}", Conv3(widths[i], widths[i + 1]))
            setattr(self, f"proj_bn{name}", nn.BatchNorm2d(widths[i + 1]))
            setattr(self, f"proj_lif{name}", LIF(surrogate=config.surrogate))
        cast(Conv3, self.proj_conv).input_scale = config.input_scale
        self.rpe_conv = Conv3(config.dim, config.dim)
        self.rpe_bn = nn.BatchNorm2d(config.dim)
        self.rpe_lif = LIF(surrogate=config.surrogate)
        self.limit = config.stream_limit

    def forward(self, x: Tensor) -> Tensor:
        """Image ``[T or 1, B, C, H, W]`` to the residual stream ``[T, B, N, D]``, token n = y·W + x."""
        for i, name in enumerate(("", "1", "2", "3")):
            conv = cast(Conv3, getattr(self, f"proj_conv{name}"))
            x = conv.drive(x, getattr(self, f"proj_bn{name}"), getattr(self, f"proj_lif{name}"), steps=self.steps)
            if i + 1 in self.pools:
                x = or_pool(x)
        x = residual(x, self.rpe_conv.drive(x, self.rpe_bn, self.rpe_lif, steps=self.steps), self.limit)
        return x.flatten(3).transpose(2, 3).contiguous()

    def describe(self, to: Builder, prefix: str, value: str) -> str:
        """Tell ``to`` the ops from the image to the residual stream."""
        for i, name in enumerate(("", "1", "2", "3")):
            parts = (getattr(self, f"proj_{part}{name}") for part in ("conv", "bn", "lif"))
            value = to.conv(f"{prefix}.proj_conv{name}", value, *parts)
            if i + 1 in self.pools:
                value = to.pool(f"{prefix}.pool{name}", value)
        rpe = to.conv(f"{prefix}.rpe_conv", value, self.rpe_conv, self.rpe_bn, self.rpe_lif)
        return to.add(f"{prefix}.add", value, rpe, limit=self.limit)


def residual(stream: Tensor, spikes: Tensor, limit: int | None) -> Tensor:
    """Their sum, at most ``limit`` where there is one."""
    total = stream + spikes
    return total if limit is None else total.clamp(max=limit)


def _token_layer(config: SpikformerConfig, inputs: int, outputs: int, *, bias: bool = True) -> Dense | Pointwise:
    if config.layout == "linear":
        return Dense(inputs, outputs)
    return Pointwise(inputs, outputs, bias=bias)


class Attention(nn.Module):
    """Spiking self-attention: ``LIF(scale·(q·kᵀ)·v)`` per head, without softmax, then proj."""

    def __init__(self, config: SpikformerConfig, widths: BlockWidths) -> None:
        super().__init__()
        self.heads = config.heads
        self.suffix = "linear" if config.layout == "linear" else "conv"
        outputs = {"q": widths.qk, "k": widths.qk, "v": widths.v, "proj": config.dim}
        for name, channels in outputs.items():
            inputs = widths.v if name == "proj" else config.dim
            setattr(self, f"{name}_{self.suffix}", _token_layer(config, inputs, channels, bias=name == "proj"))
            setattr(self, f"{name}_bn", nn.BatchNorm1d(channels))
            setattr(self, f"{name}_lif", LIF(surrogate=config.surrogate))
        self.attn_lif = LIF(v_threshold=0.5, scale=config.attention_scale, surrogate=config.surrogate, whole=True)

    def synapse(self, name: str) -> Dense | Pointwise:
        """The layer ``q``, ``k``, ``v`` or ``proj``."""
        return cast(Dense, getattr(self, f"{name}_{self.suffix}"))

    def _spikes(self, name: str, x: Tensor) -> Tensor:
        return self.synapse(name).drive(x, getattr(self, f"{name}_bn"), getattr(self, f"{name}_lif"))

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """``x [T, B, N, D]`` to spikes of the same shape; ``keep [B, N]`` masks attention columns (training only)."""
        apart = (*x.shape[:-1], self.heads, -1)
        q, k, v = (self._spikes(n, x).reshape(apart).transpose(2, 3) for n in ("q", "k", "v"))
        if keep is None:
            products = q @ (k.transpose(-1, -2) @ v)  # the same integers as (q·kᵀ)·v, and what the hardware does
        else:
            products = (q @ k.transpose(-1, -2) * column_mask(keep)[:, None]) @ v
        spikes: Tensor = self.attn_lif(products.transpose(2, 3).flatten(3))
        return self._spikes("proj", spikes)

    def describe(self, to: Builder, prefix: str, stream: str) -> str:
        """Tell ``to`` the ops; the spikes of proj."""
        parts = {
            n: (self.synapse(n), getattr(self, f"{n}_bn"), getattr(self, f"{n}_lif")) for n in ("q", "k", "v", "proj")
        }
        q, k, v = (to.linear(f"{prefix}.{n}_{self.suffix}", stream, *parts[n]) for n in "qkv")
        mixed = to.attention(f"{prefix}.attn", q, k, v, heads=self.heads, neuron=self.attn_lif)
        return to.linear(f"{prefix}.proj_{self.suffix}", mixed, *parts["proj"])


def column_mask(keep: Tensor) -> Tensor:
    """Attention mask of a keep mask ``p [B, N]``: ``A[b, n, m] = p[m] + (1 − p[m])·[n = m]``."""
    own = torch.eye(keep.shape[1], dtype=keep.dtype, device=keep.device)
    return keep[:, None, :] + (1.0 - keep)[:, None, :] * own


class MLP(nn.Module):
    """fc1 and fc2, each with BN and LIF."""

    def __init__(self, config: SpikformerConfig, hidden: int) -> None:
        super().__init__()
        self.suffix = "linear" if config.layout == "linear" else "conv"
        for name, inputs, outputs in (("fc1", config.dim, hidden), ("fc2", hidden, config.dim)):
            setattr(self, f"{name}_{self.suffix}", _token_layer(config, inputs, outputs))
            setattr(self, f"{name}_bn", nn.BatchNorm1d(outputs))
            setattr(self, f"{name}_lif", LIF(surrogate=config.surrogate))

    def synapse(self, name: str) -> Dense | Pointwise:
        """The layer ``fc1`` or ``fc2``."""
        return cast(Dense, getattr(self, f"{name}_{self.suffix}"))

    def forward(self, x: Tensor) -> Tensor:
        for name in ("fc1", "fc2"):
            x = self.synapse(name).drive(x, getattr(self, f"{name}_bn"), getattr(self, f"{name}_lif"))
        return x

    def describe(self, to: Builder, prefix: str, value: str) -> str:
        """Tell ``to`` the two layers; the spikes of fc2."""
        for name in ("fc1", "fc2"):
            parts = self.synapse(name), getattr(self, f"{name}_bn"), getattr(self, f"{name}_lif")
            value = to.linear(f"{prefix}.{name}_{self.suffix}", value, *parts)
        return value


class Block(nn.Module):
    """``x = x + attn(x)``, ``x = x + mlp(x)`` on the integer stream."""

    def __init__(self, config: SpikformerConfig, widths: BlockWidths) -> None:
        super().__init__()
        self.attn = Attention(config, widths)
        self.mlp = MLP(config, widths.hidden)
        self.limit = config.stream_limit

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        x = residual(x, self.attn(x, keep), self.limit)
        return residual(x, self.mlp(x), self.limit)

    def describe(self, to: Builder, prefix: str, stream: str) -> str:
        """Tell ``to`` the ops from stream to stream."""
        spikes = self.attn.describe(to, f"{prefix}.attn", stream)
        stream = to.add(f"{prefix}.attn.add", stream, spikes, limit=self.limit)
        spikes = self.mlp.describe(to, f"{prefix}.mlp", stream)
        return to.add(f"{prefix}.mlp.add", stream, spikes, limit=self.limit)


class Head(nn.Linear):
    """Class scores ``[B, classes]`` of the stream ``[T, B, N, D]``: the mean over T and kept tokens, then Linear."""

    def read(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """Scores ``[B, classes]`` of the stream ``x [T, B, N, D]``.

        keep: mask ``[B, N]`` of the tokens that count; all, where not given.
        """
        if keep is None:
            pooled = x.mean(dim=(0, 2))
        else:
            pooled = (x.mean(dim=0) * keep[..., None]).sum(1) / keep.sum(1, keepdim=True).clamp(min=1.0)
        return cast(Tensor, self(pooled))


class Selector(Protocol):
    """What stands in ``Spikformer.selector``: see compress/methods/tokens.py."""

    def select(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """Stream, cumulative keep mask ``[B, N]`` or None, and the choice."""
        ...


class Spikformer(SpikingNetwork):
    """Images ``[B, C, H, W]`` (the same at each step) or ``[T, B, C, H, W]`` to class scores ``[B, classes]``."""

    def __init__(self, config: SpikformerConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.block = nn.ModuleList(Block(config, config.widths(i)) for i in range(config.depth))
        self.head = Head(config.dim, config.classes)
        #: Token selectors by the index of the block they stand in front of; empty in the plain model.
        self.selector = nn.ModuleDict()
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @property
    def size(self) -> Size:
        config = self.config
        return Size(config.height, config.width, config.channels, config.classes, config.steps)

    def run(self, images: Tensor) -> Result:
        """Scores together with what each token selector chose."""
        x = self.patch_embed(images if images.dim() == 5 else images[None])
        keep: Tensor | None = None
        choices: list[Tensor] = []
        for i, block in enumerate(self.block):
            if str(i) in self.selector:
                x, keep, choice = cast(Selector, self.selector[str(i)]).select(x, keep)
                choices.append(choice)
            x = block(x, keep)
        return Result(self.head.read(x, keep), choices)

    def describe(self, to: Builder) -> str:
        stream = self.patch_embed.describe(to, "patch_embed", IMAGE)
        for i, block in enumerate(self.block):
            if str(i) in self.selector:
                stream = to.select(f"selector.{i}", stream, self.selector[str(i)])
            stream = cast(Block, block).describe(to, f"block.{i}", stream)
        return to.head("head", stream, self.head)
