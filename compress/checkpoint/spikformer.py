"""An official Spikformer's state, in any of its three layouts, to Spikewright's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from pydantic import ValidationError
from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.families import Recognised
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Attention, Spikformer, SpikformerConfig


@dataclass(frozen=True)
class Shapes:
    """What the shapes of a state tell."""

    dim: int
    depth: int
    mlp_ratio: int
    channels: int
    classes: int


def shapes_of(state: Mapping[str, Tensor], recognised: Recognised) -> Shapes:
    """Sizes from shapes; CheckpointError where they do not chain, naming the key."""
    suffix = "linear" if recognised.layout == "linear" else "conv"
    dim = state["patch_embed.proj_conv3.weight"].shape[0]
    depth = 1 + max((int(name.split(".")[1]) for name in state if name.startswith("block.")), default=-1)
    channels, classes = state["patch_embed.proj_conv.weight"].shape[1], state["head.weight"].shape[0]
    hidden = state[f"block.0.mlp.fc1_{suffix}.weight"].shape[0]
    if dim % 8 or hidden % dim:
        raise CheckpointError(f"D = {dim} must be a multiple of 8, and fc1's {hidden} channels one of D")
    found = Shapes(dim, depth, hidden // dim, channels, classes)
    wanted = Spikformer(config_of(found, recognised, heads=1, steps=1)).state_dict()
    for name, tensor in as_ours(state, recognised).items():
        if tensor.shape != wanted[name].shape:
            raise CheckpointError(
                f"{name} has shape {list(state[name].shape)}; its neighbours allow {list(wanted[name].shape)} only "
                f"(D = {dim}, {depth} blocks)"
            )
    return found


def config_of(
    shapes: Shapes,
    recognised: Recognised,
    *,
    heads: int,
    steps: int,
    side: tuple[int, int] = (16, 16),
    pools: tuple[int, ...] = (3, 4),
    scale: float = 0.125,
) -> SpikformerConfig:
    """The configuration; CheckpointError where a setting does not fit the shapes."""
    try:
        return SpikformerConfig(
            height=side[0], width=side[1], channels=shapes.channels, classes=shapes.classes, steps=steps,
            dim=shapes.dim, depth=shapes.depth, heads=heads, mlp_ratio=shapes.mlp_ratio, pools=pools,
            layout="linear" if recognised.layout == "linear" else "conv1d", attention_scale=scale,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        raise CheckpointError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def as_ours(state: Mapping[str, Tensor], recognised: Recognised) -> dict[str, Tensor]:
    """The parameters that a forward pass reads, in float32 or wider, 4-D 1×1 weights as 3-D ones."""
    result = {}
    for name, tensor in state.items():
        if name in recognised.unused:
            continue
        wide = tensor if tensor.dtype == torch.float64 else tensor.float()
        token_layer = name.startswith("block.") and name.endswith("_conv.weight")
        result[name] = wide[..., 0] if token_layer and tensor.dim() == 4 else wide
    return result


def ported(
    state: Mapping[str, Tensor],
    recognised: Recognised,
    config: SpikformerConfig,
    *,
    threshold: float = 1.0,
    attention_threshold: float = 0.5,
    dtype: torch.dtype = torch.float32,
) -> Spikformer:
    """The network with its weights, in evaluation mode.

    threshold, attention_threshold: V_th of the neurons, and of those behind the attention's products.
    """
    network = Spikformer(config).to(dtype)
    own = network.state_dict()
    missing = {name: tensor for name, tensor in own.items() if name.endswith("num_batches_tracked")}
    network.load_state_dict(missing | as_ours(state, recognised))
    for name, module in network.named_modules():
        if isinstance(module, Attention):
            module.attn_lif.level *= attention_threshold / 0.5
        elif isinstance(module, LIF) and not name.endswith("attn_lif"):
            module.level *= threshold
    return network.eval()


def refuse_bad_numbers(state: Mapping[str, Tensor], eps: float = 1e-5) -> None:
    """CheckpointError for a NaN or infinite number, or a variance that no norm could have, naming the key."""
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        if not bool(tensor.double().isfinite().all()):
            kind = "a NaN" if bool(tensor.isnan().any()) else "an infinite number"
            raise CheckpointError(f"{name} holds {kind}: the training has diverged, or the file is damaged")
        if name.endswith("running_var") and bool((tensor.double() + eps <= 0).any()):
            raise CheckpointError(f"{name} is a variance, but holds {float(tensor.min()):g}, below 0")
