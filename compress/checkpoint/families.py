"""Families of published spiking transformers, told by all keys of a state before anything is reshaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError


@dataclass(frozen=True)
class KeySet:
    """How a family is recognised.

    keys: patterns of keys, with the number of axes of their tensors; each must be there, and nothing that no pattern of
    ``keys`` or ``unused`` knows; unused: parameters that no forward pass reads.
    """

    name: str
    keys: tuple[tuple[str, int], ...]
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Foreign:
    """A family that cannot be expressed: its name, a key that only it has, and the op that is missing here."""

    name: str
    sign: str
    axes: int | None
    missing: str


def _norm(pattern: str) -> tuple[tuple[str, int], ...]:
    names = (("weight", 1), ("bias", 1), ("running_mean", 1), ("running_var", 1))
    return tuple((rf"{pattern}\.{name}", axes) for name, axes in names)


_STEM = (
    *((rf"patch_embed\.proj_conv{i}\.weight", 4) for i in ("", "1", "2", "3")),
    *(key for i in ("", "1", "2", "3") for key in _norm(rf"patch_embed\.proj_bn{i}")),
    (r"patch_embed\.rpe_conv\.weight", 4),
    *_norm(r"patch_embed\.rpe_bn"),
    (r"head\.weight", 2),
    (r"head\.bias", 1),
)
_NORMS = tuple(
    key
    for part in ("attn.q", "attn.k", "attn.v", "attn.proj", "mlp.fc1", "mlp.fc2")
    for key in _norm(rf"block\.\d+\.{re.escape(part)}_bn")
)
_UNUSED = (r"block\.\d+\.norm[12]\.(weight|bias)", r"norm\.(weight|bias)", r"pos_embed", r".*\.num_batches_tracked")


def _blocks(suffix: str, attention_axes: int, mlp_axes: int, biases: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    layers = [("attn", part, attention_axes) for part in ("q", "k", "v", "proj")]
    layers += [("mlp", part, mlp_axes) for part in ("fc1", "fc2")]
    return tuple(
        key
        for room, part, axes in layers
        for key in (
            (rf"block\.\d+\.{room}\.{part}_{suffix}\.weight", axes),
            *([(rf"block\.\d+\.{room}\.{part}_{suffix}\.bias", 1)] if part in biases else []),
        )
    )


_SOME = ("proj", "fc1", "fc2")
SPIKFORMERS = (
    KeySet("Spikformer, CIFAR layout", (*_STEM, *_NORMS, *_blocks("linear", 2, 2, ("q", "k", "v", *_SOME))), _UNUSED),
    KeySet("Spikformer, DVS layout", (*_STEM, *_NORMS, *_blocks("conv", 3, 3, _SOME)), _UNUSED),
    KeySet("Spikformer, ImageNet layout", (*_STEM, *_NORMS, *_blocks("conv", 3, 4, _SOME)), _UNUSED),
)
#: In the order in which they are looked for: the first whose sign is there names the family.
FOREIGN = (
    Foreign("SDT v1 (Spike-driven Transformer)", r"block\.\d+\.attn\.talking_heads\.weight", None,
            "membrane shortcuts in front of every neuron, and attention by a mask of summed q·k"),
    Foreign("SDT v3", r"ConvBlock1_1\.0\.Conv\.dwconv\.\d+\.weight", None,
            "strided, depthwise and 7×7 convolutions, and integer-valued spikes"),
    Foreign("SDT v2 (Meta-SpikeFormer)", r"ConvBlock1_1\.0\.Conv\.dwconv\.weight", None,
            "strided, depthwise and 7×7 convolutions, RepConv"),
    Foreign("SDT v2 or v3", r"downsample1_1\.encode_conv\.weight", None, "strided 7×7 and depthwise convolutions"),
    Foreign("MaxFormer", r"patch_embed\d\.max_embed\d\.embed_conv\.weight", None,
            "max pooling of sums, and depthwise convolutions as mixers"),
    Foreign("QKFormer", r"stage\d\.\d+\.(tssa|ssa)\..*|patch_embed\d\.proj_res_conv\.weight", None,
            "q-k token attention, and shortcuts in the patch embedding"),
    Foreign("Spikingformer", r"patch_embed\.(block\d|proj\d)_conv\.weight|block\.\d+\.mlp\.mlp1_conv\.weight", None,
            "membrane shortcuts: its neurons stand before the convolutions"),
    Foreign("STAtten", r"block\.\d+\.attn\.q_conv\.weight", 4,
            "membrane shortcuts in front of every neuron, and attention over chunks of timesteps"),
)  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """A Spikformer's layout, why it was recognised, and the keys that no forward pass reads."""

    family: KeySet
    why: str
    unused: tuple[str, ...]

    @property
    def layout(self) -> str:
        """``layout`` of SpikformerConfig."""
        return "linear" if self.family is SPIKFORMERS[0] else "conv1d"


def recognise(state: Mapping[str, Tensor]) -> Recognised:
    """The family of a state; CheckpointError for one that is foreign, by its name, or unknown, with the nearest."""
    axes = {name: tensor.dim() for name, tensor in state.items()}
    for foreign in FOREIGN:
        signs = [n for n in axes if re.fullmatch(foreign.sign, n) and foreign.axes in (None, axes[n])]
        if signs:
            raise CheckpointError(
                f"this is {foreign.name} (it has {signs[0]}), which cannot be expressed here yet: it needs "
                f"{foreign.missing}"
            )
    matches = [_held_against(family, axes) for family in SPIKFORMERS]
    for family, (lacks, strange, known) in zip(SPIKFORMERS, matches, strict=True):
        if not lacks and not strange:
            unused = tuple(sorted(name for name in axes if _is_any(name, family.unused)))
            return Recognised(family, f"all {known} keys that it reads are there, and no others", unused)
    family, (lacks, strange, known) = min(
        zip(SPIKFORMERS, matches, strict=True), key=lambda pair: len(pair[1][0]) + len(pair[1][1])
    )
    against = [f"it lacks {_some(lacks)}"] if lacks else []
    against += [f"it has {_some(strange)}"] if strange else []
    raise CheckpointError(
        f"unknown family: the nearest is {family.name}, for which {known} of {len(axes)} keys speak; but "
        f"{' and '.join(against)}"
    )


def _held_against(family: KeySet, axes: Mapping[str, int]) -> tuple[list[str], list[str], int]:
    """Keys that a family lacks in a state, keys of the state that are strange to it, and how many it knows."""
    blocks = sorted({int(found[1]) for name in axes if (found := re.match(r"block\.(\d+)\.", name))})
    wanted = {
        pattern.replace(r"\d+", str(block)).replace("\\", ""): dims
        for pattern, dims in family.keys
        for block in (blocks or [0] if r"\d+" in pattern else [0])
    }
    known = {name for name, dims in wanted.items() if axes.get(name) == dims}
    lacks = [f"{name} of {dims} axes" if name in axes else name for name, dims in wanted.items() if name not in known]
    strange = [name for name in axes if name not in wanted and not _is_any(name, family.unused)]
    return lacks, strange, len(known)


def _is_any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
