"""A residual stream that saturates: in the network, in its package, in the integer golden model, in the work."""

import numpy as np
import pytest
import torch

from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.export import export_package
from spikewright.compress.recipe.reading import RecipeError, parse_recipe
from spikewright.compress.run.rehearsal import rehearse
from spikewright.compress.run.stages.run import task_of
from spikewright.models.spikformer import Block, Spikformer, SpikformerConfig, residual
from spikewright.sim.golden import run as golden
from spikewright.sim.witness import assert_same

TEXT = """
name: t
data: digits
model: {dim: 16, depth: 2, heads: 2, steps: 2, mlp_ratio: 2}
constraints:
  structure: {STRUCTURE}
  quantisers: {layers: {"*": {scheme: uniform, bits: 4}}}
"""


def test_the_sum_stops_at_the_limit() -> None:
    stream, spikes = torch.tensor([0.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 1.0])
    assert residual(stream, spikes, None).tolist() == [1, 3, 4]
    assert residual(stream, spikes, 3).tolist() == [1, 3, 3]
    assert residual(stream, spikes, 1).tolist() == [1, 1, 1]


def streams(network: Spikformer, images: torch.Tensor) -> list[float]:
    """The greatest value of the stream behind the patch embedding and behind every block."""
    peaks: list[float] = []
    parts = [network.patch_embed, *network.block]
    hooks = [part.register_forward_hook(lambda _m, _r, out: peaks.append(float(out.max()))) for part in parts]
    with torch.no_grad():
        network.eval()(images)
    for hook in hooks:
        hook.remove()
    return peaks


@pytest.mark.parametrize("limit", [None, 1, 3])
def test_every_addition_of_a_network_saturates(limit: int | None) -> None:
    torch.manual_seed(0)
    network = Spikformer(
        SpikformerConfig(dim=16, depth=2, heads=2, steps=2, mlp_ratio=2, stream_limit=limit)
    )  # fmt: skip
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.constant_(norm.bias, 9.0)  # every neuron fires at every step
    whole = [2, 4, 6]
    assert streams(network, torch.zeros(1, 1, 16, 16)) == [min(value, limit or value) for value in whole]
    blocks = [block for block in network.block if isinstance(block, Block)]
    assert {block.limit for block in blocks} == {network.patch_embed.limit} == {limit}
    planes = {layer.name: layer.planes for layer in layers_of(network)}
    assert [planes[name] for name in ("block.0.attn.q_linear", "block.1.attn.q_linear", "head")] == [
        min(value, limit or value).bit_length() for value in whole
    ]


def test_the_limit_alone_is_a_structure_and_ends_in_the_package() -> None:
    recipe = parse_recipe(TEXT.replace("STRUCTURE", "stream_limit: 1"))
    network, task = rehearse(recipe), task_of(recipe)
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                norm.bias.fill_(1.2)
                norm.bias[::2] = 2.5  # these always fire
    package = export_package(network, recipe, task)
    adds = [op for op in package.network.ops if op.kind == "add"]
    assert [op.limit for op in adds] == [1] * 5
    few = task.data.test.images[:3]
    assert_same(network, package, few, task.inputs(few))
    values = golden(package, few).values
    for op in adds:
        terms = [np.asarray(values[name]) for name in op.inputs]
        assert np.array_equal(np.asarray(values[op.name]), np.minimum(sum(terms), 1))
        assert sum(terms).max() == 2, "something was there to stop"


@pytest.mark.parametrize(
    ("structure", "text"),
    [
        ("stream_limit: 2", "stream_limit must be 1, 3 or 7, what bit-planes hold, not 2"),
        ("stream_limit: 15", "stream_limit must be 1, 3 or 7, what bit-planes hold, not 15"),
        ("score: norm", "nothing would go: give qk, v or hidden a share below 1, or a stream_limit"),
    ],
)
def test_limits_are_checked(structure: str, text: str) -> None:
    with pytest.raises(RecipeError, match=f"^constraints.structure: {text}$"):
        parse_recipe(TEXT.replace("STRUCTURE", structure))
