"""Lottery tickets (paper 1, SparseSpikformer, weight pruning): iterative magnitude pruning with late rewinding.

All weights with more than one dimension compete together. Round n of N keeps ``total·(1 − sparsity)^(n/N)`` of them,
the greatest |w| among those still alive, and puts their values back to those of an early epoch; training starts again
from there. The selectors' weights are not pruned, and count as kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from spikewright.compress.methods.masks import (
    Masks,
    magnitude_masks,
    prunable,
    rewind,
    selector_weights,
    survivors,
    weight_count,
)


class LotteryTickets:
    """The masks of each round; the network is pruned and rewound in place.

    ::

        early = copy.deepcopy(network.state_dict())     # after some epochs, the selectors' initialisation with it
        train(network)                                  # to the end
        for masks in LotteryTickets(network, early, sparsity=0.9, rounds=8):
            train(network, masks)                       # your loop; apply_masks after each step

    When a round begins, the network must hold the trained weights; behind the last one it holds the pruned network.
    banks: every output keeps equally many weights in each bank of input channels (compress/methods/masks.py).
    MaskError where a layer would lose all its weights.
    """

    def __init__(
        self, network: nn.Module, early: Mapping[str, Tensor], *, sparsity: float, rounds: int, banks: int = 1
    ) -> None:
        self.network, self.early = network, dict(early)
        self.sparsity, self.rounds, self.banks = sparsity, rounds, banks

    def __iter__(self) -> Iterator[Masks]:
        weights = prunable(self.network)
        apart = selector_weights(self.network)
        total = weight_count(weights) + apart
        masks: Masks | None = None
        for number in range(1, self.rounds + 1):
            # The selectors' weights count as kept, so the network gives up their share too.
            keep = survivors(total, self.sparsity, self.rounds, number) - apart
            masks = magnitude_masks(weights, keep, masks, banks=self.banks)
            rewind(self.network, self.early, masks)
            yield masks
