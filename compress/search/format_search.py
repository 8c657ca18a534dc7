"""The search of paper 2 as one object: what cost.py, mixtures.py and networks/activity.py do, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from spikewright.compress.methods.masks import Masks
from spikewright.compress.methods.quantise import QuantFormat, candidates
from spikewright.compress.networks.activity import measured_activity
from spikewright.compress.search.cost import hardware_cost
from spikewright.compress.search.mixtures import assign, begin_search, cool, end_search, masks_in_search
from spikewright.models.graph import Result, SpikingNetwork


class FormatSearch:
    """A differentiable search of scheme and width for every layer of a network; in place.

    From here on every layer's weight is a mixture of its formats. Train it with the search itself as a term of the loss
    (``search(network, result, images)``), with ``masks`` in place of the masks, at the rates of
    ``parameter_groups``, and with ``cool`` after each epoch; then
    ``finish``.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        target_bits: float,
        images: Tensor,
        formats: Sequence[QuantFormat] | None = None,
        *,
        input_bits: int = 8,
    ) -> None:
        """Put a mixture of formats on every layer of the network, in place.

        target_bits: the average over all weights; images: some of the training's, codes ``[B, C, H, W]`` or frames
        ``[T, B, C, H, W]``, on which firing rates are measured; formats: the candidates, all of them if not given.
        ValueError for a target below the smallest candidate.
        """
        self.network, self.target_bits = network, target_bits
        activity = measured_activity(network, images, input_bits)
        self.mixtures = begin_search(network, formats or candidates())
        self.cost = hardware_cost(
            network, self.mixtures, target_bits, activity, input_bits=input_bits, frames=images.dim() == 5
        )

    def __call__(self, network: SpikingNetwork, result: Result, images: Tensor) -> Tensor:
        """The cost of what the mixtures would be, a term of the loss."""
        return self.cost(network, result, images)

    def masks(self, masks: Masks) -> Masks:
        """Masks by the names that parameters have while the search runs."""
        return masks_in_search(masks, self.mixtures)

    def cool(self, done: int, epochs: int) -> None:
        """Set the temperature for the epoch after ``done`` of ``epochs``."""
        cool(self.mixtures, done, epochs)

    def finish(self) -> dict[str, QuantFormat]:
        """End the search: every layer's format, and plain weights in the network again."""
        weights = {name: self.cost.layers[name].weights for name in self.mixtures}
        chosen = assign(self.mixtures, weights, self.target_bits, fixed=self.cost.fixed)
        end_search(self.network)
        return chosen
