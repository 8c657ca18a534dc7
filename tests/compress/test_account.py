"""Dense work: the figures of paper 1, and the shapes that the cost model is told."""

import pytest

from spikewright.compress.account import layers_of
from spikewright.compress.selector_controls import FiringRateSelector
from spikewright.compress.tokens import TokenSelector, keep_counts
from spikewright.cost.work import dense_macs
from spikewright.models.spikformer import Spikformer, SpikformerConfig

CIFAR = SpikformerConfig(height=32, width=32, channels=3, dim=384, depth=4, heads=12)
DVS = SpikformerConfig(
    height=128, width=128, channels=2, dim=256, depth=4, heads=16, steps=16, pools=(1, 2, 3, 4), layout="conv1d",
    attention_scale=0.25,
)  # fmt: skip


def giga(config: SpikformerConfig, ratio: float) -> float:
    network = Spikformer(config)
    if ratio < 1:
        for block, keep in enumerate(keep_counts(config.tokens, ratio, config.depth - 1), 1):
            network.selector[str(block)] = TokenSelector(config.dim, keep)
    return dense_macs(layers_of(network)) / 1e9


@pytest.mark.parametrize(("ratio", "paper"), [(1.0, 3.74), (0.7, 3.04), (0.5, 2.75)])
def test_the_cifar_row_of_paper_1(ratio: float, paper: float) -> None:
    assert giga(CIFAR, ratio) == pytest.approx(paper, abs=0.010)


@pytest.mark.parametrize(("ratio", "paper"), [(1.0, 7.78), (0.7, 6.57), (0.5, 6.03)])
def test_the_dvs_row_of_paper_1(ratio: float, paper: float) -> None:
    """Four blocks of width 256: with two, 30 % would be missing."""
    assert giga(DVS, ratio) == pytest.approx(paper, rel=0.02)


def test_shapes_planes_and_tokens_of_a_small_network() -> None:
    network = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, mlp_ratio=2))
    network.selector["1"] = TokenSelector(16, 5)
    layers = {layer.name: layer for layer in layers_of(network)}
    assert [(layer.places, layer.planes, layer.spikes) for layer in layers.values()][:4] == [
        (256, 8, False), (256, 1, True), (256, 1, True), (64, 1, True)
    ]  # fmt: skip
    # the stream reaches 2 behind the patch embedding, 4 behind block 0
    assert (layers["block.0.attn.q_linear"].planes, layers["selector.1.hidden"].planes) == (2, 3)
    assert (layers["block.0.attn.q_linear"].places, layers["block.1.attn.q_linear"].places) == (16, 5)
    assert layers["block.1.mlp.fc2_linear"].macs == 4 * 5 * 32 * 16
    assert layers["block.1.attn.attn"].macs == 4 * 5 * 5 * (16 + 16)
    assert (layers["selector.1.hidden"].steps, layers["head"].macs) == (1, 160)
    assert sum(layer.weights for layer in layers.values()) == sum(
        p.numel() for n, p in network.named_parameters() if n.endswith("weight") and p.dim() > 1
    )
    network.selector["1"] = FiringRateSelector(5)
    assert "selector.1.hidden" not in {layer.name for layer in layers_of(network)}
