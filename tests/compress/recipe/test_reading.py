"""Recipes read from files: their names, and what cannot be read."""

import re
from pathlib import Path

import pytest

from spikewright.compress.recipe.reading import RecipeError, load_recipe, parse_recipe
from spikewright.compress.run.stages import planned

ROOT = Path(__file__).parents[3]


EXAMPLE = """
model: {family: spikformer, depth: 4, dim: 64, heads: 4, steps: 4}
data: clutter-digits
teacher: {epochs: 30}
constraints:
  tokens: {keep: 0.65, epochs: 15}
  masks: {method: lottery, sparsity: 0.9, rounds: 8, epochs: 15, rewind: 3}
  neuron: {kind: slif, epochs: 10}
  quantisers: {method: search, target_bits: 3.4, epochs: 15}
target: {board: ulx3s-85f}
"""


def test_a_recipe_without_a_name_has_its_files(tmp_path: Path) -> None:
    path = tmp_path / "first.try-1.yaml"
    path.write_text(EXAMPLE)
    recipe = load_recipe(path)
    assert recipe.name == "first.try-1"
    assert list(planned(recipe))[-4:] == ["search", "quantisers", "gather", "grid"]
    path.write_text(f"name: own{EXAMPLE}")
    assert load_recipe(path).name == "own"
    path.rename(tmp_path / "my recipe.yaml")
    (tmp_path / "my recipe.yaml").write_text(EXAMPLE)
    with pytest.raises(RecipeError, match=r"my recipe\.yaml: name: must be letters, .* only, not 'my recipe'$"):
        load_recipe(tmp_path / "my recipe.yaml")
    with pytest.raises(RecipeError, match=r"^name: is missing$"):
        parse_recipe(EXAMPLE)
    example = re.search(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "recipes.md").read_text(), re.MULTILINE | re.DOTALL)
    assert example is not None
    assert parse_recipe(example[1], name="own") == parse_recipe(EXAMPLE, name="own")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none.yaml: cannot be read: No such file"):
        load_recipe(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"name: t\n# caf\xe9\n")
    with pytest.raises(RecipeError, match=r"bytes\.yaml: not UTF-8 text: byte 13 is 0xe9$"):
        load_recipe(tmp_path / "bytes.yaml")
