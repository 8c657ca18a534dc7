"""Running statistics are estimated anew from all images, with the tokens gathered, as inference sees them."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from spikewright.compress.methods.tokens import TokenSelector, set_mode
from spikewright.compress.training.loop import Settings, norms, reestimate_norms
from spikewright.models.data import Split, load
from spikewright.models.layers import Conv3
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task

KEEP, BATCH, IMAGES = 5, 8, 24


def network() -> Spikformer:
    torch.manual_seed(2)
    model = Spikformer(SpikformerConfig(dim=16, depth=2, heads=2, steps=2, mlp_ratio=2))
    model.selector["1"] = TokenSelector(16, KEEP)
    with torch.no_grad():
        for norm in norms(model):  # of long ago, and wrong
            norm.running_mean.fill_(3.0)  # type: ignore[union-attr]
            norm.running_var.fill_(0.01)  # type: ignore[union-attr]
            norm.num_batches_tracked.fill_(77)  # type: ignore[union-attr]
            norm.bias.fill_(0.8)  # so that neurons fire
    return model


def test_the_statistics_are_those_of_the_data() -> None:
    """A plain average over all batches of two passes, by the inputs that each norm was given."""
    model, data = network(), load("digits")
    few = Split(data.train.images[:IMAGES], data.train.labels[:IMAGES])
    task = make_task(replace(data, train=few, refresh=lambda rng, jittered=False: few))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms(model)}
    hooks = [norm.register_forward_pre_hook(lambda m, given: seen[m].append(given[0].transpose(0, 1))) for norm in seen]
    reestimate_norms(model, task, Settings(batch=BATCH), "label")
    for hook in hooks:
        hook.remove()
    for norm in norms(model):
        batches = [x.flatten(1) for x in seen[norm]]
        assert len(batches) == 2 * IMAGES // BATCH
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean = torch.stack([batch.mean(1) for batch in batches]).mean(0)
        var = torch.stack([batch.var(1) for batch in batches]).mean(0)
        assert torch.allclose(norm.running_mean, mean, rtol=1e-4, atol=1e-5)
        assert torch.allclose(norm.running_var, var, rtol=1e-4, atol=1e-5)
        assert norm.momentum == 0.1
    # the first norm reads the same whatever the others do: its mean is that of all images at once
    conv, first = model.patch_embed.proj_conv, model.patch_embed.proj_bn
    assert isinstance(conv, Conv3)
    assert isinstance(first, nn.BatchNorm2d)
    assert first.running_mean is not None
    sums = conv(task.inputs(few.images)).detach().transpose(0, 1).flatten(1)
    assert torch.allclose(first.running_mean, sums.mean(1), rtol=1e-4)
    # behind the selector every norm sees gathered tokens only
    block = [norm for name, norm in model.named_modules() if name.startswith("block.1") and norm in seen]
    assert block
    assert all(x.flatten(1).shape[1] == BATCH * KEEP * 2 for norm in block for x in seen[norm])
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert not model.training


def test_a_selectors_mode_is_as_it_was() -> None:
    task = make_task(load("digits"), limit=BATCH)
    for hard in (False, True):
        model = network()
        set_mode(model, hard=hard)
        reestimate_norms(model, task, Settings(batch=BATCH), "label")
        selector = model.selector["1"]
        assert isinstance(selector, TokenSelector)
        assert selector.mode == ("hard" if hard else "soft")


def test_a_batch_of_one_image_is_left_out() -> None:
    """Its own variance is none."""
    data = load("digits")
    odd = Split(data.train.images[: BATCH + 1], data.train.labels[: BATCH + 1])
    model = network()
    task = make_task(replace(data, refresh=lambda rng, jittered=False: odd))
    reestimate_norms(model, task, Settings(batch=BATCH), "label")
    assert all(int(norm.num_batches_tracked) == 2 for norm in norms(model))  # type: ignore[arg-type]
    assert all(np.isfinite(norm.running_var.numpy()).all() for norm in norms(model))  # type: ignore[union-attr]
