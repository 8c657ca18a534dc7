"""Whether a recipe's network can read its data: asked once, before anything is trained."""

from __future__ import annotations

from spikewright.compress.recipe.reading import RecipeError
from spikewright.compress.recipe.schema import Recipe, size_of
from spikewright.models.convnets import ConvNetConfig
from spikewright.models.data import Dataset


def check_size(recipe: Recipe, data: Dataset) -> None:
    """RecipeError where image, classes or frames of the data are not those of the model: all that does not fit."""
    size = size_of(recipe)._asdict()
    *frames, height, width, channels = data.train.images.shape[1:]
    has = {"height": height, "width": width, "channels": channels, "classes": data.classes}
    if frames and isinstance(recipe.model, ConvNetConfig):
        raise RecipeError(
            f"model: a {recipe.model.family} begins as an ANN and reads one image for all steps, but {data.name} has a "
            "frame a step; allowed is a spikformer, or a factory"
        )
    if frames:  # each step has a frame of its own; else the image is the same at each
        has["steps"] = frames[0]
    wrong = [key for key, value in has.items() if size[key] != value]
    if not wrong:
        return
    model_sizes, data_sizes = (", ".join(f"{key} {value[key]}" for key in wrong) for value in (size, has))
    reason = ", a frame a step" if "steps" in wrong else ""
    raise RecipeError(f"model: {model_sizes} does not fit the data {data.name}; allowed is {data_sizes}{reason}")
