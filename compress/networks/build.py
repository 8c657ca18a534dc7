"""Networks of a recipe's stages: dense, with token selectors, quantised; and loading one from its checkpoint."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from spikewright.compress.methods.channels import thinned
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.methods.quantise import QuantFormat, Quantised, QuantShortcut, quantised_layer
from spikewright.compress.methods.selector_controls import FiringRateSelector, RandomSelector
from spikewright.compress.methods.synapses import synapses
from spikewright.compress.methods.tokens import QuantSelector, TokenSelector, set_mode
from spikewright.compress.networks.prefixes import apart
from spikewright.compress.networks.user_checkpoint import load_checkpoint
from spikewright.compress.recipe.constraints import ConvertedMasks
from spikewright.compress.recipe.reading import layer_formats
from spikewright.compress.recipe.schema import Recipe
from spikewright.cost.work import Scheme
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.data.normalise import Normalised, image_codes
from spikewright.models.factory import FactoryConfig, build_from_factory
from spikewright.models.graph import IMAGE, SpikingNetwork, graph_of
from spikewright.models.layers import Conv3, Dense, Pointwise, Shortcut
from spikewright.models.spikformer import Head, Spikformer, SpikformerConfig

AnyConfig = TypeVar("AnyConfig", bound=Normalised)


def _seed(recipe: Recipe) -> None:
    """Seed what a network may be drawn from; a user's may draw from NumPy or Python."""
    torch.manual_seed(recipe.seed)
    np.random.seed(recipe.seed)
    random.seed(recipe.seed)


def dense_model(recipe: Recipe) -> SpikingNetwork:
    """The dense network, initialised from the recipe's seed; of a convolutional family the ANN."""
    _seed(recipe)
    config = recipe.model
    if isinstance(config, SpikformerConfig):
        return Spikformer(_scaled(config, recipe.input_bits))
    return ConvNet(_scaled(config, recipe.input_bits)) if isinstance(config, ConvNetConfig) else _own(config, recipe)


def _scaled(config: AnyConfig, bits: int) -> AnyConfig:
    """A config with the input scale that follows from its mean and std, if it has any."""
    if config.mean is None or config.std is None:
        return config
    return config.model_copy(update={"input_scale": image_codes(config.mean, config.std, bits=bits).scale})


def _own(config: FactoryConfig, recipe: Recipe) -> SpikingNetwork:
    """A user's network; where the recipe has mean and std, what reads the image is told what a code is worth."""
    network = build_from_factory(config)
    if config.mean is not None and config.std is not None:
        scale = image_codes(config.mean, config.std, bits=recipe.input_bits).scale
        for op in graph_of(network).ops:
            if op.kind == "conv" and op.reads[0] == IMAGE:
                cast(Conv3, op.module).input_scale = scale
    return network


def untrained_teacher(recipe: Recipe) -> SpikingNetwork:
    """``dense_model`` as its training begins: with the weights of the recipe's checkpoint, if there is one."""
    network = dense_model(recipe)
    own = recipe.model.checkpoint if isinstance(recipe.model, FactoryConfig) else None
    for checkpoint, key in ((own, None), (recipe.teacher.checkpoint, recipe.teacher.key)):
        if checkpoint is not None:
            load_checkpoint(network, Path(checkpoint), key=key)
    return network


def student_model(recipe: Recipe) -> SpikingNetwork:
    """The network that is compressed, spiking, in its structured shape, with freshly initialised selectors."""
    _seed(recipe)
    config, masks = recipe.model, recipe.constraints.masks
    if isinstance(config, SpikformerConfig):
        model = Spikformer(_scaled(recipe.student(), recipe.input_bits))
        add_selectors(model, recipe)
        return model
    if not isinstance(config, ConvNetConfig):
        return _own(config, recipe)
    network = ConvNet(_scaled(config, recipe.input_bits))
    assert isinstance(masks, ConvertedMasks)
    if masks.channels:
        # which channels stay depends on the weights, how many does not
        network = thinned(network, masks.sparsity)
    to_spiking(network, leak=masks.leak, surrogate=masks.surrogate)
    return network


def add_selectors(model: Spikformer, recipe: Recipe) -> None:
    """Put freshly initialised selectors (own seed) in front of the recipe's blocks."""
    tokens, blocks = recipe.constraints.tokens, recipe.selector_blocks()
    if tokens is None:
        return
    torch.manual_seed(recipe.seed + 1)
    for block, keep in zip(blocks, recipe.kept_tokens(), strict=True):
        if tokens.method == "learned":
            selector: nn.Module = TokenSelector(
                model.config.dim, keep, tokens.hidden, ceiling=tokens.ceiling, temperature=tokens.temperature
            )
        elif tokens.method == "firing-rate":
            selector = FiringRateSelector(keep)
        else:
            selector = RandomSelector(keep, recipe.seed + block)
        model.selector[str(block)] = selector


def layer_names(model: SpikingNetwork) -> list[str]:
    """Names of all layers with weights, selectors included, in execution order of the modules."""
    kinds = (Dense, Pointwise, Conv3, Head, Quantised)
    return [name for name, module in model.named_modules() if isinstance(module, kinds)]


def quantise(model: SpikingNetwork, formats: dict[str, QuantFormat]) -> None:
    """Replace every layer, selector and shortcut by its quantised counterpart, in place; steps from the weights."""
    branches = {synapse.path: synapse.shortcut for synapse in synapses(model)}
    for name, fmt in formats.items():
        if name.startswith("selector."):
            continue
        new = quantised_layer(model.get_submodule(name), fmt)
        _replace(model, name, new)
        if (branch := branches.get(name)) is not None:
            _replace(model, branch, QuantShortcut(cast(Shortcut, model.get_submodule(branch)), new))
    for key, module in list(model.named_modules()):
        if isinstance(module, TokenSelector) and not isinstance(module, QuantSelector):
            quantised = QuantSelector(module, model.size.steps, formats[f"{key}.hidden"], formats[f"{key}.score"])
            _replace(model, key, quantised)


def _replace(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, leaf = path.rpartition(".")
    model.get_submodule(parent).register_module(leaf, module)


#: Prefix of the tensors that hold a searched layer's format in a checkpoint.
FORMAT = "format:"
_SCHEMES: tuple[Scheme, ...] = ("uniform", "pot")


def format_tensors(formats: dict[str, QuantFormat]) -> dict[str, Tensor]:
    """Formats by layer as tensors, for a checkpoint: scheme, bits, fraction bits."""
    return {
        name: torch.tensor([_SCHEMES.index(f.scheme), f.bits, f.fraction_bits]) for name, f in sorted(formats.items())
    }


def formats_from(tensors: dict[str, Tensor]) -> dict[str, QuantFormat]:
    """What ``format_tensors`` wrote."""
    return {name: QuantFormat(_SCHEMES[int(t[0])], int(t[1]), int(t[2])) for name, t in tensors.items()}


def set_exact(model: nn.Module, exact: bool) -> None:
    """Switch every quantised layer between learned-step training and the exact membrane grid."""
    for module in model.modules():
        if isinstance(module, Quantised):
            module.exact = exact


def on_the_grid(network: SpikingNetwork) -> None:
    """Ready a quantised network for training as its package computes, in place; hold its norms in evaluation mode.

    Thresholds and biases lie on the exact membrane grid; what decides the grid (norms' gains, steps, thresholds before
    folding, leaks) learns no more, tokens are gathered.
    """
    set_exact(network, True)
    set_mode(network, hard=True)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.weight.requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith((".step", ".level", ".leak")):
            parameter.requires_grad_(False)


def load_dense(recipe: Recipe, path: Path | str) -> SpikingNetwork:
    """The dense model of a checkpoint, in evaluation mode."""
    model = dense_model(recipe)
    model.load_state_dict(load_file(path))
    return model.eval()


def exact(network: SpikingNetwork) -> SpikingNetwork:
    """A quantised network as it is judged and exported: on the integer grid, gathering tokens, in evaluation mode."""
    set_mode(network, hard=True)
    set_exact(network, True)
    return network.eval()


def quantised_from(recipe: Recipe, state: dict[str, Tensor]) -> SpikingNetwork:
    """The quantised model with a state_dict, ``exact``."""
    model = student_model(recipe)
    if recipe.constraints.neuron is not None:
        make_plastic(model, recipe.constraints.neuron.kind)
    state, searched = apart(state, FORMAT)
    quantise(model, formats_from(searched) if searched else layer_formats(recipe, layer_names(model)))
    model.load_state_dict(state)
    return exact(model)


def load_quantised(recipe: Recipe, path: Path | str) -> SpikingNetwork:
    """The quantised model of a checkpoint, ready to evaluate."""
    return quantised_from(recipe, load_file(path))
