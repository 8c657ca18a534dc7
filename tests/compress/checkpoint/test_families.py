"""Published families by their full key sets, and settings that weights cannot tell."""

from pathlib import Path

import pytest
import torch

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.families import recognise
from spikewright.compress.checkpoint.settings import FoundSettings, channel_numbers, image_side, whole_number
from spikewright.compress.checkpoint.spikformer import refuse_bad_numbers, shapes_of

KEYS = Path(__file__).parent / "keys"
State = dict[str, torch.Tensor]
UNUSED = {"weight", "bias", "num_batches_tracked", "pos_embed"}


def state(name: str) -> State:
    """A full-size state by its names and shapes, without numbers."""
    lines = (line.split(" ", 1) for line in (KEYS / f"{name}.txt").read_text().splitlines())
    return {key: torch.empty(eval(shape), device="meta") for key, shape in lines}


@pytest.mark.parametrize(("name", "family", "depth", "dim"), [
    ("keys_Spikformer-4-384_CIFAR", "Spikformer, CIFAR layout", 4, 384),
    ("keys_Spikformer-2-256_DVS_T16", "Spikformer, DVS layout", 2, 256),
    ("keys_Spikformer-8-512_IN", "Spikformer, ImageNet layout", 8, 512),
])  # fmt: skip
def test_the_three_layouts(name: str, family: str, depth: int, dim: int) -> None:
    given = state(name)
    recognised = recognise(given)
    assert recognised.family.name == family
    shapes = shapes_of(given, recognised)
    assert (shapes.depth, shapes.dim, shapes.mlp_ratio) == (depth, dim, 4)
    assert {key.rpartition(".")[2] for key in recognised.unused} <= {
        "weight",
        "bias",
        "num_batches_tracked",
        "pos_embed",
    }
    without = {key: tensor for key, tensor in given.items() if not key.endswith("num_batches_tracked")}
    assert recognise(without).family is recognised.family


@pytest.mark.parametrize(("name", "family", "missing"), [
    ("keys_SDTv1-2-512_CIFAR", "SDT v1", "membrane shortcuts"),
    ("keys_Spikingformer-4-384_CIFAR", "Spikingformer", "before the convolutions"),
    ("keys_QKFormer-4-384_CIFAR", "QKFormer", "q-k token attention"),
    ("keys_SDTv2_15M_8_384_IN_T4", "SDT v2", "RepConv"),
    ("keys_SDTv3_T_5.1Ms_IN_1x4", "SDT v3", "integer-valued spikes"),
    ("keys_MaxFormer-4-384_CIFAR", "MaxFormer", "max pooling of sums"),
])  # fmt: skip
def test_other_families_are_refused_by_name_with_what_is_missing(name: str, family: str, missing: str) -> None:
    with pytest.raises(CheckpointError, match=rf"this is {family}.*cannot be expressed here yet.*{missing}"):
        recognise(state(name))


def test_four_axes_at_q_are_no_spikformer() -> None:
    given = {key: t for key, t in state("keys_SDTv1-2-512_CIFAR").items() if "talking_heads" not in key}
    with pytest.raises(CheckpointError, match="this is STAtten"):
        recognise(given)


def test_an_unknown_family_names_the_nearest_and_what_speaks_against_it() -> None:
    given = state("keys_Spikformer-4-384_CIFAR")
    del given["patch_embed.rpe_conv.weight"]
    given["block.0.attn.extra.weight"] = torch.empty(3, 3, device="meta")
    with pytest.raises(CheckpointError) as refusal:
        recognise(given)
    assert str(refusal.value) == (
        "unknown family: the nearest is Spikformer, CIFAR layout, for which 170 of 216 keys speak; but it lacks "
        "patch_embed.rpe_conv.weight and it has block.0.attn.extra.weight"
    )


def test_shapes_that_do_not_chain_name_the_key() -> None:
    given = state("keys_Spikformer-4-384_CIFAR")
    given["block.2.attn.q_linear.weight"] = torch.empty(384, 192, device="meta")
    with pytest.raises(CheckpointError, match=r"block\.2\.attn\.q_linear\.weight has shape \[384, 192\]"):
        shapes_of(given, recognise(given))


@pytest.mark.parametrize(("key", "value", "sentence"), [
    ("a.weight", float("nan"), "a.weight holds a NaN"),
    ("a.weight", float("inf"), "a.weight holds an infinite number"),
    ("a.running_var", -1.0, "a.running_var is a variance, but holds -1, below 0"),
])  # fmt: skip
def test_numbers_of_no_network(key: str, value: float, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        refuse_bad_numbers({key: torch.tensor([1.0, value])})


def test_settings_are_told_read_or_asked_for() -> None:
    settings = FoundSettings({"time_step": 4, "num_heads": 12, "mean": [0.5, 0.5, 0.5]})
    assert settings.need("steps", None, whole_number, "why") == 4
    assert settings.need("heads", 12, whole_number, "why") == 12
    assert (settings.read, settings.told) == ({"steps": 4}, {"heads": 12})
    with pytest.raises(
        CheckpointError, match="--heads 8 contradicts the file, whose training arguments say num_heads = 12"
    ):
        settings.need("heads", 8, whole_number, "why")
    with pytest.raises(
        CheckpointError, match="--std is missing: why, and neither the weights nor the file's arguments"
    ):
        settings.need("std", None, channel_numbers, "why")
    assert settings.need("mean", None, channel_numbers, "why") == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("value", "side"), [(32, 32), ([3, 32, 32], 32), ((224, 224), 224), ([3, 32, 16], None),
                                             ("32", None), (None, None), (True, None)])  # fmt: skip
def test_image_sides(value: object, side: int | None) -> None:
    assert image_side(value) == side
