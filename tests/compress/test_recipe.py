"""Recipes: one clear sentence for each fault, patterns to formats, and the committed recipes."""

from pathlib import Path

import pytest

from spikewright.compress.build import add_selectors, dense_model, layer_names
from spikewright.compress.recipe import RecipeError, layer_formats, load_recipe, parse_recipe

ROOT = Path(__file__).parents[2]
GOOD = """
name: t
data: digits
model: {dim: 16, heads: 2}
constraints:
  tokens: {keep: 0.7}
  quantisers: {layers: {"*": {scheme: pot, bits: 3}, "*.mlp.*": {scheme: uniform, bits: 4, fraction_bits: 2}}}
"""


def names_of(text: str) -> list[str]:
    recipe = parse_recipe(text)
    model = dense_model(recipe)
    add_selectors(model, recipe)
    return layer_names(model)


def test_the_last_matching_pattern_decides_and_fraction_bits_default_to_steps_plus_one() -> None:
    formats = layer_formats(parse_recipe(GOOD), names_of(GOOD))
    assert len(formats) == 5 + 2 * 6 + 1 + 2
    assert (formats["head"].scheme, formats["head"].bits, formats["head"].fraction_bits) == ("pot", 3, 5)
    fc1 = formats["block.1.mlp.fc1_linear"]
    assert (fc1.scheme, fc1.bits, fc1.fraction_bits) == ("uniform", 4, 2)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("keep: 0.7", "kep: 0.7", "constraints.tokens.kep: unknown key; did you mean 'keep'"),
        ("name: t", "name: t\nzzz: 1", "zzz: unknown key; known keys are name, data"),
        ("data: digits", "data: mnist", "data: data must be one of clutter-digits, digits, event-digits, not 'mnist'"),
        ("keep: 0.7", "keep: 1.5", "constraints.tokens.keep: must be above 0 and at most 1, not 1.5"),
        ("keep: 0.7", "keep: [4, 3]", "tokens.keep must give 1 counts, not 2"),
        (
            "  tokens: {keep: 0.7}",
            "  masks: {method: attention-guided, banks: 4}",
            "constraints.masks: banks cannot hold while weights regrow or channels go",
        ),
        (
            "  tokens: {keep: 0.7}",
            "  masks: {method: lotery}",
            "masks: unknown method 'lotery'; did you mean 'lottery'?",
        ),
        (
            "  tokens: {keep: 0.7}",
            "  masks: {channels: true}",
            "constraints.masks.channels: unknown key; known keys are",
        ),
        ("  tokens: {keep: 0.7}", "  masks: {method: l1p, sparsty: 0.5}", "masks.sparsty: unknown key; did you mean"),
        ("  tokens: {keep: 0.7}", "  masks: {method: l1p, rounds: 3}", "constraints.masks.rounds: unknown key"),
        ("dim: 16,", "family: vgg, depht: 11,", "model.depht: unknown key; did you mean 'depth'"),
        ("scheme: pot, bits: 3", "schem: pot, bits: 3", "layers.*.schem: unknown key; did you mean 'scheme'"),
        ("scheme: pot, bits: 3", "scheme: pot, bits: 3, bit: 2", "layers.*.bit: unknown key; did you mean 'bits'"),
        ("keep: 0.7", "before: []", "constraints.tokens.before: must name at least one block, each once"),
        ("keep: 0.7", "before: [1, 1]", "constraints.tokens.before: must name at least one block, each once"),
        ("name: t", "name: t\nseed: 99999999999", "seed: Input should be less than 2147483648"),
        ("name: t", "name: t\nteacher: {epochs: 0}", "teacher.epochs may be 0 only where a factory's checkpoint"),
        (
            "layers:",
            "method: search, layers:",
            "constraints.quantisers.layers: unknown key; known keys are teacher, jitter, fraction_bits",
        ),
        ("keep: 0.7", "keep: [17]", "tokens.keep must fall from at most 16 tokens to at least 1"),
        ("keep: 0.7", "before: [2]", "must name blocks from 1 to 1, not 2"),
        ("dim: 16", "depth: 1", "at least 2 blocks"),
        ("dim: 16", "residual: membrane", "residual kind must be 'add'"),
        ("name: t", "name: [", "not YAML"),
        (GOOD, "- 1", "must be a YAML mapping"),
    ],
)
def test_faults_are_told_in_one_sentence(old: str, new: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace(old, new))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"*.mlp.*"', '"*.mpl.*"', "'*.mpl.*' matches none of the layers patch_embed.proj_conv, "),
        ('"*": ', '"head": ', "no pattern matches layer 'patch_embed.proj_conv'"),
        ("bits: 3", "bits: 2", "bits of a pot layer must be one of [3, 4], not 2"),
    ],
)
def test_formats_are_checked(old: str, new: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        layer_formats(parse_recipe(GOOD.replace(old, new)), names_of(GOOD))
    assert text in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none.yaml: cannot be read: No such file"):
        load_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["digits", "clutter-digits"])
def test_committed_recipes_are_valid_and_use_both_schemes(name: str) -> None:
    recipe = load_recipe(ROOT / "recipes" / f"{name}.yaml")
    model = dense_model(recipe)
    add_selectors(model, recipe)
    formats = layer_formats(recipe, layer_names(model))
    assert {f.scheme for f in formats.values()} == {"uniform", "pot"}
    assert max(f.bits for f in formats.values()) <= 4
    assert recipe.constraints.masks is not None
    assert recipe.constraints.masks.sparsity >= 0.9
