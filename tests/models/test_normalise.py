"""Images as a network's own training normalised them."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from spikewright.compress.networks.build import dense_model
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.stages.run import task_of
from spikewright.models.data import DataError, encode
from spikewright.models.data.normalise import Normalised, image_codes
from spikewright.models.spikformer import Spikformer

CIFAR = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
MODEL = {"height": 16, "width": 16, "dim": 16, "depth": 1, "heads": 2, "mlp_ratio": 2, "pools": [1, 2]}


def recipe(data: str = "digits", **model: object) -> Recipe:
    quantisers = {"layers": {"*": {"scheme": "uniform", "bits": 4}}}
    return Recipe.model_validate(
        {"name": "t", "data": data, "model": MODEL | model, "constraints": {"quantisers": quantisers}}
    )


def test_no_byte_is_clipped_and_each_is_within_half_a_unit() -> None:
    codes = image_codes(*CIFAR)
    values = (np.arange(256) / 255 - np.array(CIFAR[0])[:, None]) / np.array(CIFAR[1])[:, None]
    assert codes.signed
    assert np.abs(codes.table * codes.scale - values).max() <= codes.scale / 2 * (1 + 1e-9)
    assert (codes.table.min(), codes.table.max()) == (-119, 127)
    assert codes.clipped(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, 3), *CIFAR) == 0


def test_pixels_as_they_are_have_codes_without_a_sign() -> None:
    codes = image_codes((0.0,), (1.0,))
    assert not codes.signed
    assert codes.scale == pytest.approx(1 / 255)
    assert codes.table[0].tolist() == list(range(256))


def test_a_given_unit_clips_and_says_how_much() -> None:
    codes = image_codes((0.5,), (0.125,), scale=1 / 64)
    images = np.zeros((1, 16, 16, 1), np.uint8)
    images[0, :4] = 128
    assert codes.table[0, 0] == -128
    assert codes.clipped(images, (0.5,), (0.125,)) == 0.75


@pytest.mark.parametrize(("fields", "sentence"), [
    ({"mean": (0.5,)}, "mean and std go together"),
    ({"mean": (0.5,), "std": (0.2, 0.2)}, "of as many channels, not 1 and 2"),
    ({"mean": (125.0,), "std": (60.0,)}, r"pixels from 0 to 1 \(a byte over 255\)"),
    ({"mean": (0.5,), "std": (0.0,)}, "std above 0"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(fields: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Normalised(**fields)
    with pytest.raises(ValidationError, match="input_scale follows from mean and std"):
        recipe(mean=[0.5], std=[0.25], input_scale=0.5)


def test_a_recipe_reads_images_as_the_network_did() -> None:
    """What the first convolution multiplies is the normalised pixel, to half a unit of the code."""
    given = recipe(mean=[0.3], std=[0.25])
    task, network = task_of(given), dense_model(given)
    assert isinstance(network, Spikformer)
    images = task.data.train.images[:8]
    read = torch.from_numpy(encode(images, task.table)).double() * network.patch_embed.proj_conv.input_scale
    wanted = (torch.from_numpy(images).double().permute(0, 3, 1, 2) / 255 - 0.3) / 0.25
    assert (read - wanted).abs().max() <= network.patch_embed.proj_conv.input_scale / 2 * (1 + 1e-9)
    assert task.signed
    with pytest.raises(DataError, match="mean and std are of 3 channels, its images of 1"):
        task_of(recipe(mean=[0.5] * 3, std=[0.5] * 3))
    events = {"height": 64, "width": 64, "steps": 8, "channels": 2}
    with pytest.raises(DataError, match="counts of events, which have no mean and std"):
        task_of(recipe("event-digits", **events, mean=[0.5] * 2, std=[0.5] * 2))
