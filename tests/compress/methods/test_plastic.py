"""sLIF: the replaced neurons begin as their model, learn what their kind says, and follow masked weights."""

import pytest
import torch

from spikewright.compress.methods.masks import apply_masks, magnitude_masks, prunable
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.recipe.constraints import NeuronConstraint
from spikewright.compress.training.loop import Phase, Settings, train
from spikewright.compress.training.objective import Objective
from spikewright.models.data import load
from spikewright.models.neurons import LIF, PlasticLIF
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task

CONFIG = SpikformerConfig(dim=16, depth=1, heads=2, steps=3, mlp_ratio=2)


def plastic(model: Spikformer) -> list[PlasticLIF]:
    return [m for m in model.modules() if isinstance(m, PlasticLIF)]


def network() -> Spikformer:
    torch.manual_seed(4)
    return Spikformer(CONFIG)


@pytest.mark.parametrize("kind", ["slif", "threshold", "leak", "lif"])
def test_every_neuron_is_replaced_and_the_spikes_stay(kind: str) -> None:
    plain, plastic = network().eval(), network().eval()
    make_plastic(plastic, kind)  # type: ignore[arg-type]
    neurons = {n: m for n, m in plastic.named_modules() if isinstance(m, PlasticLIF)}
    wanted = {n for n, m in plain.named_modules() if isinstance(m, LIF)}
    assert set(neurons) == (wanted if kind != "lif" else set())
    images = make_task(load("digits")).inputs(load("digits").test.images[:16])
    with torch.no_grad():
        assert torch.equal(plain(images), plastic(images))
    for neuron in neurons.values():
        assert (neuron.level.requires_grad, neuron.leak.requires_grad) == (kind != "leak", kind != "threshold")
    if kind == "slif":
        assert neurons["patch_embed.proj_lif2"].level.shape == (8,)
        assert neurons["patch_embed.proj_lif2"].tail == 2
        assert neurons["block.0.mlp.fc1_lif"].level.shape == (32,)
        assert neurons["block.0.attn.attn_lif"].whole


def test_thresholds_and_leaks_learn_together_with_masked_weights() -> None:
    model = network()
    weights = dict(prunable(model))
    masks = magnitude_masks(weights, sum(w.numel() for w in weights.values()) // 2)
    apply_masks(model, masks)
    make_plastic(model, "slif")
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    task = make_task(load("digits"), limit=64)
    train(model, task, Settings(seed=1, batch=16), Phase("t", 2, 1e-2, masks=masks), Objective())
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert "block.0.attn.attn_lif.level" in moved
    assert "patch_embed.proj_lif3.leak" in moved
    assert all((p[~masks[n]] == 0).all() for n, p in model.named_parameters() if n in masks)
    for neuron in plastic(model):
        m = neuron.sixteenths()
        assert torch.equal(m, m.round())
        assert float(m.min()) >= 0
        assert float(m.max()) <= 16


def test_neurons_step_off_their_grids_in_as_many_updates_as_weights_need() -> None:
    """A leak counts in sixteenths, a threshold behind attention in whole products: at the weights' rate none moves."""
    task = make_task(load("digits"), limit=128)
    moved = {}
    for rate in (None, NeuronConstraint().neuron_rate):
        model = network()
        make_plastic(model, "slif")
        train(
            model,
            task,
            Settings(seed=1, batch=8),
            Phase("t", 5, NeuronConstraint().rate, neuron_rate=rate),
            Objective(),
        )
        leaks = torch.cat([neuron.sixteenths() for neuron in plastic(model)])
        levels = torch.cat([neuron.levels().detach() for neuron in plastic(model) if neuron.whole])
        moved[rate] = float((leaks != 8).double().mean()), int((levels != 8).sum())
    assert moved[None] == (0.0, 0)
    share, thresholds = moved[NeuronConstraint().neuron_rate]
    assert share > 0.25
    assert thresholds >= 1
