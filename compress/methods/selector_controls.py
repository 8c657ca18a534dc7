"""Selectors without anything learned, against which the learned one is held; and how much of the digit they keep."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from spikewright.compress.methods.tokens import gather_tokens, top_tokens
from spikewright.models.data import Split
from spikewright.models.spikformer import Spikformer
from spikewright.models.task import Task


class FiringRateSelector(nn.Module):
    """Parameter-free: the ``keep`` tokens with the greatest mean firing rate over steps and channels stay.

    It gathers while training too, so nothing stands between training and inference.
    """

    def __init__(self, keep: int) -> None:
        super().__init__()
        self.keep = keep

    def rank(self, x: Tensor) -> Tensor:
        """What orders the tokens of ``x [T, B, N, D]``: ``[B, N]``."""
        return x.detach().mean(dim=(0, 3))

    def select(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """The stream with ``keep`` tokens left, no mask, and their indices."""
        indices = top_tokens(self.rank(x), self.keep)
        return gather_tokens(x, indices), None, indices


class RandomSelector(FiringRateSelector):
    """Tokens by chance: others for every image and every call while training, the same for a place in an evaluation."""

    def __init__(self, keep: int, seed: int) -> None:
        super().__init__(keep)
        self.seed = seed

    def rank(self, x: Tensor) -> Tensor:
        if self.training:
            return torch.rand(x.shape[1:3]).to(x.device)
        return torch.rand(x.shape[1:3], generator=torch.Generator().manual_seed(self.seed)).to(x.device)


def kept_area(network: Spikformer, task: Task, split: Split, batch: int = 120) -> list[float]:
    """Share of the area of the thing to be named (``split.areas``) in the tokens that each selector keeps, the mean."""
    assert split.areas is not None, "the data set does not know where its things are"
    side = (network.config.height * network.config.width // network.config.tokens) ** 0.5
    grid = (network.config.height // int(side), network.config.width // int(side))
    shape = (len(split), grid[0], int(side), grid[1], int(side))
    share = torch.from_numpy(split.areas.reshape(shape).sum((2, 4)).reshape(len(split), -1).astype(np.float64))
    share = share / share.sum(1, keepdim=True)
    sums: list[float] = []
    network.eval()
    with torch.no_grad():
        for start, images in zip(range(0, len(split), batch), task.batches(split, batch), strict=True):
            tokens = torch.arange(network.config.tokens).expand(images.shape[0], -1)
            for number, indices in enumerate(network.run(images).choices):
                tokens = tokens.gather(1, indices)
                if number == len(sums):
                    sums.append(0.0)
                sums[number] += float(share[start : start + batch].gather(1, tokens).sum())
    return [total / len(split) for total in sums]
