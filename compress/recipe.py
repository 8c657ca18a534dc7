"""Reading recipes from YAML: the first fault, in one sentence, names the key and the nearest known one."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from spikewright.compress.quantise import WeightFormat
from spikewright.compress.recipe_schema import FAMILIES, Recipe, steps_of


class RecipeError(ValueError):
    """A recipe is refused; the text is one sentence."""


def default_fraction(recipe: Recipe) -> int:
    """Membrane bits below one weight LSB where nothing else is said: T + 1."""
    given = recipe.constraints.quantisers.fraction_bits
    return steps_of(recipe) + 1 if given is None else given


def layer_formats(recipe: Recipe, layers: list[str]) -> dict[str, WeightFormat]:
    """Format of each layer; every layer must be matched, and every pattern must match."""
    quantisers = recipe.constraints.quantisers
    assert quantisers.layers is not None, "of method fixed"
    default = default_fraction(recipe)
    for pattern in quantisers.layers:
        if not any(fnmatchcase(name, pattern) for name in layers):
            raise RecipeError(f"quantisers.layers: {pattern!r} matches none of the layers {', '.join(layers)}")
    formats = {}
    for name in layers:
        matches = [f for pattern, f in quantisers.layers.items() if fnmatchcase(name, pattern)]
        if not matches:
            raise RecipeError(f"quantisers.layers: no pattern matches layer {name!r}; add '*' as the first one")
        last = matches[-1]
        fraction_bits = default if last.fraction_bits is None else last.fraction_bits
        try:
            formats[name] = WeightFormat(last.scheme, last.bits, fraction_bits)
        except ValueError as error:
            raise RecipeError(f"quantisers.layers: {name}: {error}") from None
    return formats


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        kinds = [] if field is None else [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)


def _sentence(error: ValidationError) -> str:
    fault = error.errors()[0]
    # the family that chose the model's schema is no key of the recipe
    *path, last = [part for part in fault["loc"] if part not in FAMILIES] or ("recipe",)
    where = ".".join(map(str, (*path, last)))
    if fault["type"] == "extra_forbidden":
        known = _known_keys(Recipe, tuple(path))
        near = difflib.get_close_matches(str(last), known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] in ("missing", "value_error"):
        return f"{where}: {message}"
    return f"{where}: {message}, not {fault['input']!r}"


def parse_recipe(text: str) -> Recipe:
    """A recipe from YAML text; RecipeError with the first fault, in one sentence."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise RecipeError("a recipe must be a YAML mapping")
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(_sentence(error)) from None


def load_recipe(path: Path | str) -> Recipe:
    """A recipe from a YAML file."""
    try:
        return parse_recipe(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror or error}") from None
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
