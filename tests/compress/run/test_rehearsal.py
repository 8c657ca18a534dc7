"""What is known before training: what cannot be reached, and what to expect."""

import re

import pytest

from spikewright.compress.methods.channels import share_for, shrink_channels
from spikewright.compress.methods.masks import prunable
from spikewright.compress.networks.account import layers_of
from spikewright.compress.recipe.reading import RecipeError, parse_recipe
from spikewright.compress.run.rehearsal import rehearse, rehearsed_package
from spikewright.compress.run.stages.run import task_of
from spikewright.cost.storage import average_bits
from spikewright.models.convnets import ConvNet, ConvNetConfig

TEXT = """
name: t
data: digits
model: MODEL
training: {batch: 16, images: 96}
constraints:
  CONSTRAINT
  quantisers: QUANTISERS
"""
VGG = "{family: vgg, depth: 11, width_factor: 0.1, steps: 2}"
TRANSFORMER = "{dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}"


def text(constraint: str, model: str = TRANSFORMER, quantisers: str = "{layers: {'*': {scheme: pot, bits: 3}}}") -> str:
    return TEXT.replace("MODEL", model).replace("CONSTRAINT", constraint).replace("QUANTISERS", quantisers)


def refused(recipe: str) -> str:
    parsed = parse_recipe(recipe)
    with pytest.raises(RecipeError) as caught:
        rehearsed_package(parsed, task_of(parsed))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_channels_that_cannot_go_are_refused_with_the_most_that_can() -> None:
    channels = "masks: {method: attention-guided, channels: true, sparsity: SPARSITY}"
    sentence = refused(text(channels.replace("SPARSITY", "0.9999"), VGG))
    match = re.fullmatch(
        r"constraints\.masks: one channel in each layer leaves (\d+) of (\d+) weights, a compression of ([\d.]+); so "
        r"sparsity must be at most ([\d.]+), not 0\.9999",
        sentence,
    )
    assert match is not None, sentence
    least, total = int(match[1]), int(match[2])
    assert least == 9 + 7 * 9 + 2 + 10  # eight convolutions and two layers of one channel, and a head of ten classes
    assert float(match[3]) == pytest.approx(total / least, abs=0.05)
    # the most that is named can be had: one channel everywhere
    network = rehearse(parse_recipe(text(channels.replace("SPARSITY", match[4]), VGG)))
    assert isinstance(network, ConvNet)
    assert set(network.config.widths or ()) == {1}


def test_a_share_that_there_is_reaches_the_compression() -> None:
    network = ConvNet(ConvNetConfig(family="vgg", depth=11, width_factor=0.1))
    total, left = (sum(p.numel() for p in n.parameters() if p.dim() > 1)
                   for n in (network, shrink_channels(network, share_for(network, 3.0))))  # fmt: skip
    assert 0.8 * total / 3 < left <= total / 3


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (text("masks: {method: l1p, sparsity: 0.999}"), r"constraints\.masks: masks must leave .*_linear\.weight .*"),
        (text("masks: {sparsity: 0.999}"), r"constraints\.masks: masks must leave every layer some weights, but .*"),
        (text("masks: {sparsity: 0.9999}"), r"constraints\.masks: masks must keep some weights, not 0: prune less, .*"),
        (
            text("masks: {method: magnitude, sparsity: 0.9999}", VGG),
            r"constraints\.masks: a density must leave 11 to \d+ weights, not \d",
        ),
        (
            text("", TRANSFORMER, "{method: search, target_bits: 3.4, widths: [2]}"),
            r"quantisers\.target_bits must be at most 2\.0, the average at the greatest width, not 3\.4",
        ),
        (
            text("").replace("dim: ", "input_scale: 1.0e+300, dim: "),
            r"no package can hold what this recipe would end in: tensor '\S+': holds a value that is not finite",
        ),
        (
            text("", TRANSFORMER, "{layers: {'head': {scheme: pot, bits: 3}}}"),
            r"quantisers\.layers: no pattern matches layer 'patch_embed\.proj_conv'; add '\*' as the first one",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(recipe: str, sentence: str) -> None:
    assert re.fullmatch(sentence, refused(recipe))


def test_a_target_that_shortcuts_put_out_of_reach_is_refused_with_the_least() -> None:
    """They have 8 bits whatever the search chooses: 2 bits elsewhere are more on average."""
    resnet, masks = VGG.replace("vgg, depth: 11", "resnet, depth: 12"), "masks: {method: magnitude, sparsity: 0.5}"

    def wanted(bits: float) -> str:
        return text(masks, resnet, f"{{method: search, target_bits: {bits}}}")

    sentence = refused(wanted(2.0))
    match = re.fullmatch(
        r"quantisers\.target_bits must be at least ([\d.]+), the least average with the 8 bits of shortcuts, not 2\.0",
        sentence,
    )
    assert match is not None, sentence
    network = rehearse(parse_recipe(wanted(float(match[1]))))
    sizes = {name: weight.numel() for name, weight in prunable(network).items()}
    least = sum(n * (8 if "shortcut" in name else 2) for name, n in sizes.items()) / sum(sizes.values())
    assert least <= float(match[1]) < least + 1e-3
    assert refused(wanted(round(float(match[1]) - 1e-3, 3)))


def test_what_is_expected_of_a_search_comes_close_to_its_target_from_below() -> None:
    for target in (2.1, 3.67, 4.0, 8.0):
        network = rehearse(parse_recipe(text("", quantisers=f"{{method: search, target_bits: {target}}}")))
        layers = [layer for layer in layers_of(network) if layer.weights]
        largest = max(layer.weights for layer in layers) / sum(layer.weights for layer in layers)
        assert target - 2 * largest < average_bits(layers) <= target


@pytest.mark.parametrize(("keys", "bits"), [("", 14), (", fraction_bits: 4", 4)])
def test_many_steps_have_the_most_fraction_bits_unless_others_are_given(keys: str, bits: int) -> None:
    steps = TRANSFORMER.replace("steps: 2", "steps: 40")
    recipe = parse_recipe(text("", steps, f"{{layers: {{'*': {{scheme: pot, bits: 3{keys}}}}}}}"))
    network = rehearsed_package(recipe, task_of(recipe)).network
    assert network.steps == 40
    assert {op.neuron.fraction_bits for op in network.ops if op.kind == "linear"} == {bits}
