"""sLIF, our reading of paper 3: every neuron's threshold and leak are trained with the (masked) weights.

With a BatchNorm in front of a neuron that resets to zero, a threshold per channel only rescales γ and β; behind
attention, where none stands, it does more. What adds freedom is the leak. So the controls are: thresholds only, leaks
only, and plain LIF trained for as many epochs.
"""

from __future__ import annotations

from typing import Literal, cast

from torch import Tensor

from spikewright.models.graph import SpikingNetwork, graph_of
from spikewright.models.neurons import PlasticLIF

NeuronKind = Literal["slif", "threshold", "leak", "lif"]


def make_plastic(network: SpikingNetwork, kind: NeuronKind) -> None:
    """Replace every LIF of the network, in place, by one that learns per channel; ``lif`` replaces nothing."""
    if kind == "lif":
        return
    parents = {id(child): (parent, name) for parent in network.modules() for name, child in parent.named_children()}
    channels: dict[str, int] = {}
    for op in graph_of(network).ops:
        if op.neuron is None:
            continue
        attends = op.kind == "attention"
        channels[op.name] = channels[op.reads[2]] if attends else len(cast(Tensor, op.part.weight))
        parent, name = parents[id(op.neuron)]
        plastic = PlasticLIF(
            op.neuron,
            channels[op.name],
            tail=2 if op.kind == "conv" else 0,
            learn_level=kind != "leak",
            learn_leak=kind != "threshold",
            whole=attends,  # its products are integers
        )
        setattr(parent, name, plastic)
