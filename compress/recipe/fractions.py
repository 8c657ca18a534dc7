"""Fraction bits of membranes where a recipe names no format: how fine a threshold stands below one weight LSB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.methods.synapses import synapses
from spikewright.compress.recipe.reading import default_fraction
from spikewright.compress.recipe.schema import Recipe
from spikewright.models.graph import SpikingNetwork

#: Codes of an image so wide make sums so large that one weight LSB is far below the threshold.
WIDE_IMAGE = 5
#: Values that reach so far have small LSBs.
WIDE_RANGE = 16


def with_fractions(
    network: SpikingNetwork, recipe: Recipe, formats: Mapping[str, QuantFormat]
) -> dict[str, QuantFormat]:
    """``fitting`` for a recipe: T + 1 fraction bits, or what it says."""
    return fitting(network, formats, finest=default_fraction(recipe), input_bits=recipe.input_bits)


def fitting(
    network: SpikingNetwork, formats: Mapping[str, QuantFormat], *, finest: int, input_bits: int = 8
) -> dict[str, QuantFormat]:
    """Formats by module path with ``finest`` fraction bits of their membranes; fewer where an LSB is small."""
    of_image = {synapse.path for synapse in synapses(network) if synapse.reads_image}
    fitted = {}
    for path, fmt in formats.items():
        narrow = min(1, finest) if fmt.top > WIDE_RANGE else finest
        wide = path in of_image and input_bits >= WIDE_IMAGE
        fitted[path] = replace(fmt, fraction_bits=0 if wide else narrow)
    return fitted
