"""DSP, structured pruning (paper 3): whole dimensions leave a transformer's blocks, so that the dense shapes shrink.

Three groups in a block: paired rows of W_q and W_k, equally many in every head; rows of W_v with columns of W_proj,
equally many in every head; hidden units of the MLP (rows of fc1 with columns of fc2). The paper's score is not public;
ours is named in ``significance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from spikewright.models.data import Split
from spikewright.models.spikformer import Block, BlockWidths, Spikformer, SpikformerConfig
from spikewright.models.task import Task

Score = Literal["activity", "norm"]
GROUPS = ("qk", "v", "hidden")
State = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Kept:
    """Indices of the dimensions that stay in a block, ascending."""

    qk: Tensor
    v: Tensor
    hidden: Tensor


def shrunk_config(config: SpikformerConfig, *, qk: float, v: float, hidden: float) -> SpikformerConfig:
    """The configuration with those shares of every block's dimensions left, at least one a head (one in the MLP)."""

    def left(width: int, share: float, heads: int) -> int:
        return heads * max(1, round(width // heads * share))

    blocks = tuple(
        BlockWidths(qk=left(w.qk, qk, config.heads), v=left(w.v, v, config.heads), hidden=left(w.hidden, hidden, 1))
        for w in map(config.widths, range(config.depth))
    )
    return config.model_copy(update={"blocks": blocks})


def _rates(network: Spikformer, task: Task, split: Split) -> list[dict[str, Tensor]]:
    """Mean firing rate of each neuron of q, k, attn and fc1 of every block over the images of a split."""
    sums: dict[nn.Module, Tensor] = {}
    blocks = cast("Iterable[Block]", network.block)
    named = [{"q": b.attn.q_lif, "k": b.attn.k_lif, "attn": b.attn.attn_lif, "fc1": b.mlp.fc1_lif} for b in blocks]
    neurons = [{name: cast(nn.Module, module) for name, module in part.items()} for part in named]

    def note(module: nn.Module, _: object, spikes: Tensor) -> None:
        sums[module] = sums.get(module, torch.zeros(spikes.shape[-1])) + spikes.mean(dim=(0, 2)).sum(0)

    hooks = [module.register_forward_hook(note) for part in neurons for module in part.values()]
    network.eval()
    with torch.no_grad():
        for images in task.batches(split, 120):
            network(images)
    for hook in hooks:
        hook.remove()
    return [{name: sums[module] / len(split) for name, module in part.items()} for part in neurons]


def significance(network: Spikformer, task: Task, split: Split, score: Score = "activity") -> list[dict[str, Tensor]]:
    """How much each dimension of each group matters, by block.

    score: "activity" is the mean firing rates on the split times the norm of what reads them: rate_q · rate_k; rate of
    the attention's neuron · ‖column of W_proj‖; rate of fc1's neuron · ‖column of fc2‖. "norm" is the product of the
    norms of the paired rows and columns, without data.
    """
    rates = _rates(network, task, split) if score == "activity" else []
    scores = []
    for i, block in enumerate(cast("Iterable[Block]", network.block)):
        weight = {n: _matrix(block, n) for n in ("q", "k", "v", "proj", "fc1", "fc2")}
        rows = {n: w.norm(dim=1) for n, w in weight.items()}
        columns = {n: weight[n].norm(dim=0) for n in ("proj", "fc2")}
        if score == "activity":
            rate = rates[i]
            scores.append(
                {
                    "qk": rate["q"] * rate["k"],
                    "v": rate["attn"] * columns["proj"],
                    "hidden": rate["fc1"] * columns["fc2"],
                }
            )
        else:
            scores.append(
                {
                    "qk": rows["q"] * rows["k"],
                    "v": rows["v"] * columns["proj"],
                    "hidden": rows["fc1"] * columns["fc2"],
                }
            )
    return scores


def _matrix(block: Block, name: str) -> Tensor:
    layer = block.mlp.synapse(name) if name.startswith("fc") else block.attn.synapse(name)
    return layer.weight.detach().flatten(1)


def choose(scores: list[dict[str, Tensor]], config: SpikformerConfig) -> list[Kept]:
    """The most significant dimensions for the widths of ``config``; ties go to the lower index."""
    kept = []
    for block, score in enumerate(scores):
        widths = config.widths(block)
        parts = {}
        for group in GROUPS:
            heads = 1 if group == "hidden" else config.heads
            by_head = score[group].reshape(heads, -1)
            left = getattr(widths, group) // heads
            order = torch.sort(by_head, dim=1, descending=True, stable=True).indices[:, :left].sort(dim=1).values
            parts[group] = (order + torch.arange(heads)[:, None] * by_head.shape[1]).reshape(-1)
        kept.append(Kept(**parts))
    return kept


def _cuts(name: str, kept: Kept) -> tuple[Tensor | None, Tensor | None]:
    """Rows and columns of a block's tensor that stay; None: all."""
    rows = {"q": kept.qk, "k": kept.qk, "v": kept.v, "fc1": kept.hidden}.get(name)
    return rows, {"proj": kept.v, "fc2": kept.hidden}.get(name)


def shrink_state(state: State, kept: list[Kept]) -> State:
    """A ``state_dict`` with only the kept dimensions; entries of other parts stay as they are."""
    result = dict(state)
    for key, tensor in state.items():
        parts = key.split(".")
        if parts[0] != "block" or parts[2] not in ("attn", "mlp") or not tensor.dim():
            continue
        layer, _, kind = parts[3].partition("_")
        rows, columns = _cuts(layer, kept[int(parts[1])])
        cut = tensor if rows is None else tensor[rows]
        if columns is not None and kind != "bn" and parts[4] == "weight":
            cut = cut[:, columns]
        result[key] = cut.clone()
    return result


def shrink(network: Spikformer, kept: list[Kept], *, stream_limit: int | None = None) -> Spikformer:
    """A new network of the shrunk shapes, with the kept rows and columns of the old one's weights and norms.

    stream_limit: where its residual stream saturates (*ours*: fewer bit-planes for the engine to walk).
    """
    blocks = tuple(BlockWidths(qk=len(k.qk), v=len(k.v), hidden=len(k.hidden)) for k in kept)
    small = Spikformer(network.config.model_copy(update={"blocks": blocks, "stream_limit": stream_limit}))
    small.load_state_dict(shrink_state(network.state_dict(), kept))
    return small


def kept_tensors(kept: list[Kept]) -> Iterator[tuple[str, Tensor]]:
    """Names and indices, for a checkpoint."""
    for block, part in enumerate(kept):
        for group in GROUPS:
            yield f"{block}.{group}", getattr(part, group)


def kept_from(tensors: dict[str, Tensor]) -> list[Kept]:
    """What ``kept_tensors`` wrote."""
    depth = 1 + max(int(name.split(".")[0]) for name in tensors)
    return [Kept(**{group: tensors[f"{block}.{group}"] for group in GROUPS}) for block in range(depth)]
