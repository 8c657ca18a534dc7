"""A run without its training: the network it would end in, on weights of chance.

It tells in seconds what cannot be exported, and what sizes and cycles to expect.
"""

from __future__ import annotations

import bisect
import copy
import math
from typing import cast

import torch
from torch import nn

from spikewright.compress.methods.guided import density_masks
from spikewright.compress.methods.masks import (
    MaskError,
    Masks,
    apply_masks,
    block_matrices,
    magnitude_masks,
    matrix_masks,
    prunable,
    selector_weights,
    survivors,
    weight_count,
)
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.methods.quantise import SHORTCUT_FORMAT, QuantFormat, Quantised, candidates
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.build import exact, layer_names, quantise, student_model
from spikewright.compress.networks.export import export_package
from spikewright.compress.recipe.constraints import ConvertedMasks, FixedQuantisers, L1PMasks, LotteryMasks
from spikewright.compress.recipe.fractions import with_fractions
from spikewright.compress.recipe.reading import RecipeError, layer_formats
from spikewright.compress.recipe.schema import Recipe
from spikewright.cost.storage import average_bits
from spikewright.echo import quoted
from spikewright.models.convnets import ConvNet
from spikewright.models.factory import FactoryConfig, error_text
from spikewright.models.graph import SpikingNetwork
from spikewright.models.neurons import PlasticLIF
from spikewright.models.package import Package, check
from spikewright.models.task import Task


def rehearse(recipe: Recipe) -> SpikingNetwork:
    """The quantised network of a recipe with random weights: its shapes, its counts, its formats."""
    network = student_model(recipe)
    for weight in prunable(network).values():
        nn.init.normal_(weight, std=min(weight.flatten(1).shape) ** -0.5)  # as trained ones: narrow layers keep more
    apply_masks(network, _expected_masks(recipe, network))
    if recipe.constraints.neuron is not None:
        make_plastic(network, recipe.constraints.neuron.kind)
    for module in network.modules():
        if isinstance(module, PlasticLIF) and module.leak.requires_grad:
            nn.init.uniform_(module.leak, 0.25, 0.75)  # as trained ones, leaks differ
    quantise(network, expected_formats(recipe, network))
    return exact(network)


def rehearsed_package(recipe: Recipe, task: Task) -> Package:
    """The package of ``rehearse``, which answers one image; RecipeError for what cannot run or be a package."""
    try:
        network = rehearse(recipe)
        with torch.no_grad():
            network(task.inputs(task.data.validation.images[:1]))
        package = export_package(network, recipe, task)
        check(package.network, package.tensors)
        return package
    except RecipeError:
        raise
    except MaskError as error:
        raise RecipeError(f"constraints.masks: {error}") from None
    except ValueError as error:
        text = " ".join(str(error).split())
        raise RecipeError(f"no package can hold what this recipe would end in: {text}") from None
    except Exception as error:
        if not isinstance(recipe.model, FactoryConfig):
            raise
        text = f"the quantised network of factory {quoted(recipe.model.factory)} fails: {error_text(error)}"
        raise RecipeError(text) from None


def stored_as(network: SpikingNetwork, recipe: Recipe, task: Task) -> Package:
    """The package of a network in float: its weights rounded to 8 bits, untrained. For sizes and cycles, no more."""
    return export_package(rounded(network, recipe), recipe, task)


def rounded(network: SpikingNetwork, recipe: Recipe) -> SpikingNetwork:
    """A network in float with its weights rounded to 8 bits, untrained; a quantised one as it is."""
    if not any(isinstance(module, Quantised) for module in network.modules()):
        network = copy.deepcopy(network)
        eight = QuantFormat("uniform", 8)
        quantise(network, with_fractions(network, recipe, dict.fromkeys(layer_names(network), eight)))
    return exact(network)


def _expected_masks(recipe: Recipe, network: SpikingNetwork) -> Masks:
    masks, weights = recipe.constraints.masks, prunable(network)
    total = weight_count(weights)
    if isinstance(masks, LotteryMasks):
        apart = selector_weights(network)
        keep = survivors(total + apart, masks.sparsity, masks.rounds, masks.last_round) - apart
        return magnitude_masks(weights, keep, banks=masks.banks)
    if isinstance(masks, L1PMasks):
        return matrix_masks(block_matrices(network), masks.sparsity, banks=masks.banks)
    if isinstance(masks, ConvertedMasks) and not masks.channels:
        return density_masks(cast(ConvNet, network), survivors(total, masks.sparsity, 1, 1), banks=masks.banks)
    return {}


def expected_formats(recipe: Recipe, network: SpikingNetwork) -> dict[str, QuantFormat]:
    """Each layer's format by module path, of a search about what its target allows. RecipeError where none can be."""
    quantisers, names = recipe.constraints.quantisers, layer_names(network)
    if isinstance(quantisers, FixedQuantisers):
        return layer_formats(recipe, names)
    possible = sorted(candidates(quantisers.schemes, quantisers.widths), key=lambda fmt: fmt.bits, reverse=True)

    def average(formats: dict[str, QuantFormat]) -> float:
        return average_bits(layers_of(network, recipe.input_bits, formats=formats))

    most = average(dict.fromkeys(names, possible[0]))
    if quantisers.target_bits > most:
        raise RecipeError(
            f"quantisers.target_bits must be at most {math.floor(1e3 * most) / 1e3}, the average at the greatest "
            f"width, not {quoted(quantisers.target_bits)}"
        )
    for fmt in possible:  # the widest that all layers may have, and the next for as many as the target allows
        least = average(dict.fromkeys(names, fmt))
        if least <= quantisers.target_bits:
            wider = min((f for f in possible if f.bits > fmt.bits), key=lambda f: f.bits, default=fmt)
            mixes = [{n: wider if i < count else fmt for i, n in enumerate(names)} for count in range(len(names) + 1)]
            fitting = bisect.bisect_right(mixes, quantisers.target_bits, key=average)
            return with_fractions(network, recipe, mixes[fitting - 1])
    raise RecipeError(
        f"quantisers.target_bits must be at least {math.ceil(1e3 * least) / 1e3}, the least average with the "
        f"{SHORTCUT_FORMAT.bits} bits of shortcuts, not {quoted(quantisers.target_bits)}"
    )
