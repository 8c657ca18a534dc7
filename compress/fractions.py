"""Fraction bits of membranes where a recipe names no format: how fine a threshold stands below one weight LSB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spikewright.compress.quantise import WeightFormat
from spikewright.compress.recipe import default_fraction
from spikewright.compress.recipe_schema import Recipe
from spikewright.compress.synapses import synapses
from spikewright.models.graph import SpikingNetwork

#: Codes of an image so wide make sums so large that one weight LSB is far below the threshold.
WIDE_IMAGE = 5
#: Values that reach so far have small LSBs.
WIDE_RANGE = 16


def with_fractions(
    network: SpikingNetwork, recipe: Recipe, formats: Mapping[str, WeightFormat]
) -> dict[str, WeightFormat]:
    """Formats by module path with their fraction bits: T + 1, or what the recipe says; fewer where an LSB is small."""
    of_image = {synapse.path for synapse in synapses(network) if synapse.reads_image}
    found = {}
    for path, fmt in formats.items():
        if path in of_image and recipe.input_bits >= WIDE_IMAGE:
            bits = 0
        else:
            bits = 1 if fmt.top > WIDE_RANGE else default_fraction(recipe)
        found[path] = replace(fmt, fraction_bits=bits)
    return found
