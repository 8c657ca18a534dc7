"""Reading recipes from YAML: the first fault, in one sentence, names the key and the nearest known one."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import ValidationError

from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.recipe.constraints import FRACTION_LIMIT, FixedQuantisers
from spikewright.compress.recipe.errors import sentence
from spikewright.compress.recipe.schema import Recipe, size_of
from spikewright.echo import quoted
from spikewright.errors import PlainError


class RecipeError(PlainError):
    """A recipe is refused; the text is one sentence."""


def default_fraction(recipe: Recipe) -> int:
    """Membrane bits below one weight LSB where nothing else is said: T + 1, or the most that there may be."""
    given = recipe.constraints.quantisers.fraction_bits
    return min(size_of(recipe).steps + 1, FRACTION_LIMIT) if given is None else given


def layer_formats(recipe: Recipe, layers: list[str]) -> dict[str, QuantFormat]:
    """Format of each layer; every layer must be matched, and every pattern must match."""
    quantisers = recipe.constraints.quantisers
    assert isinstance(quantisers, FixedQuantisers)
    for pattern in quantisers.layers:
        if not any(fnmatchcase(name, pattern) for name in layers):
            raise RecipeError(f"quantisers.layers: {quoted(pattern)} matches none of the layers {', '.join(layers)}")
    formats, deciding, usual = {}, set(), default_fraction(recipe)
    for name in layers:
        matches = [pattern for pattern in quantisers.layers if fnmatchcase(name, pattern)]
        if not matches:
            raise RecipeError(f"quantisers.layers: no pattern matches layer {quoted(name)}; add '*' as the first one")
        deciding.add(matches[-1])
        last = quantisers.layers[matches[-1]]
        fraction_bits = usual if last.fraction_bits is None else last.fraction_bits
        try:
            formats[name] = QuantFormat(last.scheme, last.bits, fraction_bits)
        except ValueError as error:
            raise RecipeError(f"quantisers.layers: {name}: {error}") from None
    for pattern in quantisers.layers:
        if pattern not in deciding:
            raise RecipeError(
                f"quantisers.layers: {quoted(pattern)} decides for no layer: the last pattern that matches a layer "
                "decides, so '*' stands first"
            )
    return formats


def _check_keys(node: yaml.Node | None, known: set[int]) -> None:
    """MarkedYAMLError for a key that stands twice in one mapping, of which YAML would forget the first."""
    if node is None or id(node) in known:  # an alias is the node that it names
        return
    known.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _check_keys(child, known)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(problem=f"{quoted(key.value)} stands twice", problem_mark=key.start_mark)
                seen.add((key.tag, key.value))
            _check_keys(value, known)


def parse_recipe(text: str, folder: Path | str = ".", name: str | None = None) -> Recipe:
    """A recipe from YAML text; RecipeError with the first fault, in one sentence.

    folder: where relative paths in it begin; they become absolute, so that a resolved recipe works anywhere. name: of a
    recipe that has none.
    """
    try:
        _check_keys(yaml.compose(text, yaml.SafeLoader), set())
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, where YAML sees one
        raise RecipeError(f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise RecipeError("a recipe must be a YAML mapping")
    if name is not None:
        raw = {"name": name} | raw
    try:
        return Recipe.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        raise RecipeError(sentence(Recipe, error)) from None


def load_recipe(path: Path | str) -> Recipe:
    """A recipe from a YAML file; relative paths in it begin at the file's folder, and its name may be its own."""
    path = Path(path)
    try:
        return parse_recipe(path.read_text(encoding="utf-8"), path.parent, path.stem)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from None
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
