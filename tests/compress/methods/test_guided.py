"""Paper 4's stages: maps, sparse learning at a fixed density, thresholds, channels, and the way to an SNN."""

import math

import pytest
import torch

from spikewright.compress.methods.channels import channel_groups, share_for, shrink_channels
from spikewright.compress.methods.guided import (
    AttentionTransfer,
    Regrowth,
    attention_maps,
    set_thresholds,
)
from spikewright.compress.methods.masks import apply_masks, magnitude_masks, prunable
from spikewright.compress.training.loop import Phase, Settings, train
from spikewright.compress.training.objective import Objective
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.data import load
from spikewright.models.neurons import PlasticLIF
from spikewright.models.task import Task, make_task


def network(family: str = "vgg", depth: int = 11, factor: float = 0.08, steps: int = 2) -> ConvNet:
    torch.manual_seed(1)
    return ConvNet(ConvNetConfig(family=family, depth=depth, width_factor=factor, steps=steps))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(load("digits"), limit=96)


def test_maps_are_of_length_one_and_a_network_agrees_with_itself(task: Task) -> None:
    ann, images = network(), task.inputs(load("digits").test.images[:6])
    maps = attention_maps(ann, images)
    assert [m.shape[1] for m in maps] == [256, 64, 16, 4]  # the end is one pixel: no map
    assert all(torch.allclose(m.norm(dim=1), torch.ones(6)) for m in maps)
    same = AttentionTransfer(ann, 10.0)(ann, ann.run(images), images)
    torch.manual_seed(2)
    student = ConvNet(ann.config)
    assert same.item() == 0.0
    assert AttentionTransfer(ann, 10.0)(student, student.run(images), images).item() > 0.0


def test_guiding_brings_the_maps_nearer(task: Task) -> None:
    meta, student = network(), network(depth=11)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3 * parameter.std().nan_to_num(0.0))
    images = task.inputs(load("digits").validation.images[:32])

    def distance() -> float:
        return AttentionTransfer(meta, 1.0)(student, student.run(images), images).item()

    before = distance()
    objective = Objective(terms=(AttentionTransfer(meta, 1e4),))
    train(student, task, Settings(batch=16), Phase("at", 3, 1e-3), objective)
    assert distance() < before


def test_sparse_learning_keeps_every_layers_density_and_moves_weights(task: Task) -> None:
    ann = network()
    weights = dict(prunable(ann))
    masks = magnitude_masks(weights, sum(w.numel() for w in weights.values()) // 5)
    before = {n: m.clone() for n, m in masks.items()}
    counts = {n: int(m.sum()) for n, m in masks.items()}
    seen: list[tuple[int, int]] = []
    rule = Regrowth(rate=0.4)

    def adapt(net, optimiser, current, epoch, epochs):  # type: ignore[no-untyped-def]
        old = {n: m.clone() for n, m in current.items()}
        rule(net, optimiser, current, epoch, epochs)
        seen.append((epoch, sum(int((old[n] & ~m).sum()) for n, m in current.items())))
        for name, mask in current.items():
            weight, gone, came = dict(net.named_parameters())[name], old[name] & ~mask, mask & ~old[name]
            assert int(gone.sum()) == int(came.sum())
            assert (weight[~mask] == 0).all()
            momentum = optimiser.state[weight]["exp_avg"].abs()
            if came.any() and (~mask & ~gone).any():
                assert momentum[came].min() >= momentum[~mask & ~gone].max()

    train(ann, task, Settings(batch=16), Phase("sparse", 3, 1e-3, masks=masks, adapt=adapt), Objective())
    assert {n: int(m.sum()) for n, m in masks.items()} == counts
    assert seen[0][1] > seen[1][1] > 0, "the share that moves falls"
    assert seen[2][1] == 0, "and the last epoch changes nothing"
    assert any(not torch.equal(before[n], m) for n, m in masks.items())


def test_thresholds_are_a_part_of_the_percentile_layer_by_layer(task: Task) -> None:
    snn = network(factor=0.2, steps=3)
    to_spiking(snn)
    levels = set_thresholds(snn, task, load("digits").train, count=40)
    first = snn.unit[0]
    currents = first.synapse(task.inputs(load("digits").train.images[:40]))  # type: ignore[union-attr, operator]
    # the percentile over T equal steps is that of one
    ordered = currents.detach().flatten().sort().values
    assert levels[0] == pytest.approx(0.3 * float(ordered[math.ceil(len(ordered) * 0.997) - 1]), rel=1e-3)
    assert all(
        isinstance(u.neuron, PlasticLIF) and u.neuron.level.item() == pytest.approx(level)
        for u, level in zip(snn.unit, levels, strict=True)
    )
    with torch.no_grad():
        snn.unit[2].synapse.weight.zero_()  # type: ignore[union-attr, operator]
    with pytest.raises(ValueError, match="never positive"):
        set_thresholds(snn, task, load("digits").train, count=8)


def test_an_snn_learns_weights_thresholds_and_leaks_together(task: Task) -> None:
    snn = network(factor=0.1)
    to_spiking(snn)
    weights = dict(prunable(snn))
    masks = magnitude_masks(weights, sum(w.numel() for w in weights.values()) // 3)
    apply_masks(snn, masks)
    set_thresholds(snn, task, load("digits").train, count=40)
    before = {n: p.detach().clone() for n, p in snn.named_parameters()}
    train(snn, task, Settings(batch=16), Phase("snn", 2, 1e-2, masks=masks, adapt=Regrowth()), Objective())
    moved = {n for n, p in snn.named_parameters() if not torch.equal(p, before[n])}
    assert {"unit.0.neuron.level", "unit.0.neuron.leak", "unit.0.synapse.weight"} <= moved


def test_channels_shrink_together_where_an_identity_adds_them() -> None:
    ann = network("resnet", 18, 0.2)
    groups = channel_groups(ann)
    # stem and both blocks of the first stage; a stage's other blocks share what its first block gives
    assert [g for g in groups if len(g) > 1] == [[0, 2, 4], [6, 8], [10, 12], [14, 16]]
    small = shrink_channels(ann, 0.5)
    assert small.config.widths is not None
    assert small.plan[2].outputs == small.plan[4].outputs == small.plan[0].outputs == round(0.5 * ann.plan[0].outputs)
    assert small(torch.rand(2, 1, 16, 16)).shape == (2, 10)
    assert shrink_channels(ann, 1.0)(torch.ones(1, 1, 16, 16)).allclose(ann(torch.ones(1, 1, 16, 16)))


@pytest.mark.parametrize("compression", [2.0, 5.0])
def test_the_share_for_a_compression(compression: float) -> None:
    ann = network("vgg", 11, 0.25)
    total, left = (
        sum(p.numel() for p in n.parameters() if p.dim() > 1)
        for n in (ann, shrink_channels(ann, share_for(ann, compression)))
    )
    assert total / left == pytest.approx(compression, rel=0.08)
    assert total / left >= compression


def test_a_channel_that_is_silent_can_go_without_a_trace() -> None:
    ann = network("vgg", 11, 0.1)
    with torch.no_grad():
        for unit in ann.unit:
            half = unit.synapse.weight.shape[0] // 2  # type: ignore[union-attr]
            unit.synapse.weight[half:] = 0.0  # type: ignore[union-attr, operator]
    images = torch.rand(3, 1, 16, 16) * 50
    shares = [round(len(u.synapse.weight) * 0.5) for u in ann.unit]  # type: ignore[union-attr, arg-type]
    assert all(share >= len(u.synapse.weight) // 2 for share, u in zip(shares, ann.unit, strict=True))  # type: ignore[union-attr, arg-type]
    assert torch.allclose(shrink_channels(ann, 0.5)(images), ann(images), atol=1e-5)
