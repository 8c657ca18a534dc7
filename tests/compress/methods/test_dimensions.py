"""DSP: which dimensions stay, and that the shrunk network computes what the whole one does with those alone."""

import pytest
import torch

from spikewright.compress.methods.dimensions import (
    Kept,
    choose,
    kept_from,
    kept_tensors,
    shrink,
    shrunk_config,
    significance,
)
from spikewright.models.data import Split, load
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task

CONFIG = SpikformerConfig(dim=16, depth=2, heads=2, steps=2, mlp_ratio=2)


@pytest.fixture
def network() -> Spikformer:
    torch.manual_seed(2)
    network = Spikformer(CONFIG)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.weight, 0.5, 2.0)
            torch.nn.init.normal_(module.bias, std=0.5)
        elif isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.5)
    return network.eval()


def some(split: Split) -> Split:
    return Split(split.images[:40], split.labels[:40])


@pytest.mark.parametrize("score", ["activity", "norm"])
def test_shapes_shrink_and_heads_stay_equal(network: Spikformer, score: str) -> None:
    config = shrunk_config(CONFIG, qk=0.25, v=0.5, hidden=0.75)
    assert [(w.qk, w.v, w.hidden) for w in map(config.widths, range(2))] == [(4, 8, 24)] * 2
    task = make_task(load("digits"))
    kept = choose(significance(network, task, some(task.data.train), score), config)  # type: ignore[arg-type]
    small = shrink(network, kept)
    assert small.config == config
    shapes = {n: tuple(p.shape) for n, p in small.named_parameters()}
    assert shapes["block.0.attn.q_linear.weight"] == shapes["block.1.attn.k_linear.weight"] == (4, 16)
    assert shapes["block.0.attn.proj_linear.weight"] == (16, 8)
    assert shapes["block.1.mlp.fc1_linear.weight"] == (24, 16)
    assert shapes["block.1.mlp.fc2_linear.weight"] == (16, 24)
    assert all((part.qk < 8).sum() == 2 for part in kept)  # two of the first head's eight, two of the second's
    assert small(task.inputs(task.data.test.images[:2])).shape == (2, 10)


def test_significance_is_the_rate_times_what_reads_it_or_the_product_of_the_norms(network: Spikformer) -> None:
    task = make_task(load("digits"))
    split = Split(task.data.train.images[:121], task.data.train.labels[:121])  # the last image is a batch of its own
    rates: dict[str, torch.Tensor] = {}
    attn, mlp = network.block[1].attn, network.block[1].mlp
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.bias, mean=1.0)  # every neuron fires now and then
    attn.attn_lif.level = 2.0  # type: ignore[union-attr, assignment]
    for name, neuron in (("q", attn.q_lif), ("k", attn.k_lif), ("attn", attn.attn_lif), ("fc1", mlp.fc1_lif)):

        def note(_module: object, _given: object, spikes: torch.Tensor, name: str = name) -> None:
            rates[name] = spikes.flatten(0, 2).mean(0)

        neuron.register_forward_hook(note)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        network(task.inputs(split.images))
    whole = {"qk": rates["q"] * rates["k"], "v": rates["attn"] * attn.proj_linear.weight.norm(dim=0)}  # type: ignore[union-attr, operator]
    whole["hidden"] = rates["fc1"] * mlp.fc2_linear.weight.norm(dim=0)  # type: ignore[union-attr, operator]
    for group, want in whole.items():
        assert want.std() > 0.001
        assert torch.allclose(significance(network, task, split)[1][group], want, rtol=1e-4)
    rows = {n: getattr(attn, f"{n}_linear").weight.norm(dim=1) for n in "qkv"}
    norms = {"qk": rows["q"] * rows["k"], "v": rows["v"] * attn.proj_linear.weight.norm(dim=0)}  # type: ignore[union-attr, operator]
    norms["hidden"] = mlp.fc1_linear.weight.norm(dim=1) * mlp.fc2_linear.weight.norm(dim=0)  # type: ignore[union-attr, operator]
    for group, want in norms.items():
        assert torch.allclose(significance(network, task, split, "norm")[1][group], want)


def test_the_shrunk_network_is_the_whole_one_without_the_other_dimensions(network: Spikformer) -> None:
    """In the whole network a dimension is taken out by silencing its neurons: no other spike may change."""
    kept = [
        Kept(torch.tensor([1, 5, 8, 14]), torch.tensor([0, 2, 9, 10]), torch.arange(0, 32, 3)),
        Kept(torch.tensor([0, 7, 9, 15]), torch.tensor([3, 4, 12, 13]), torch.arange(1, 32, 2)),
    ]
    small = shrink(network, kept).eval()
    with torch.no_grad():
        for part, block in zip(kept, network.block, strict=True):
            for name, stay in (("q", part.qk), ("k", part.qk), ("v", part.v)):
                norm = getattr(block.attn, f"{name}_bn")
                gone = torch.ones(16, dtype=torch.bool)
                gone[stay] = False
                norm.weight[gone], norm.bias[gone] = 0.0, -9.0
            gone = torch.ones(32, dtype=torch.bool)
            gone[part.hidden] = False
            block.mlp.fc1_bn.weight[gone], block.mlp.fc1_bn.bias[gone] = 0.0, -9.0  # type: ignore[union-attr, index, operator]
    images = make_task(load("digits")).inputs(load("digits").test.images[:20])
    with torch.no_grad():
        assert torch.allclose(small(images), network(images), atol=1e-6)
        assert network(images).std() > 0.01


def test_the_most_significant_stay_and_survive_a_checkpoint() -> None:
    scores = [{"qk": torch.arange(16.0), "v": -torch.arange(16.0), "hidden": torch.ones(32)}] * 2
    kept = choose(scores, shrunk_config(CONFIG, qk=0.25, v=0.25, hidden=0.25))
    assert kept[0].qk.tolist() == [6, 7, 14, 15]
    assert kept[0].v.tolist() == [0, 1, 8, 9]
    assert kept[0].hidden.tolist() == list(range(8))  # ties go to the lower index
    again = kept_from(dict(kept_tensors(kept)))
    assert all(torch.equal(getattr(a, g), getattr(b, g)) for a, b in zip(kept, again, strict=True) for g in a.__dict__)
