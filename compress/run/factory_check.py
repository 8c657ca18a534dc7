"""Whether compression knows what a user's network is made of: asked once, before anything is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikewright.compress.methods.masks import prunable
from spikewright.compress.methods.synapses import synapses
from spikewright.compress.methods.tokens import TokenSelector
from spikewright.compress.training.parallel import process_count
from spikewright.echo import quoted
from spikewright.models.factory import FactoryError, error_text
from spikewright.models.graph import GraphOp, Result, Size, SpikingNetwork, graph_of
from spikewright.models.layers import Conv3, Dense, Pointwise, Shortcut
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Head

#: What the synapse of each kind of op may be.
_SYNAPSES: dict[str, tuple[type, ...]] = {"conv": (Conv3,), "linear": (Dense, Pointwise), "head": (Head,)}


def _check(op: GraphOp) -> None:
    """FactoryError for the first module of a kind that cannot be quantised."""

    def must_be(role: str, module: object, *kinds: type) -> None:
        if not isinstance(module, kinds):
            allowed = " or ".join(kind.__name__ for kind in kinds)
            raise FactoryError(f"{op.name}: its {role} is a {type(module).__name__}; allowed is {allowed}")

    if op.kind in _SYNAPSES:
        must_be("synapse", op.module, *_SYNAPSES[op.kind])
    if isinstance(op.module, Conv3):
        plain, own = _geometry(Conv3(1, 1, bias=op.module.bias is not None)), _geometry(op.module)
        if own != plain:
            raise FactoryError(f"{op.name}: its Conv3 has {own}; allowed is {plain}")
    if op.kind in ("conv", "linear", "attention"):
        must_be("neuron", op.neuron, LIF)
        if not bool((torch.as_tensor(op.fires.levels()) > 0).all()):
            raise FactoryError(f"{op.name}: its neuron's threshold must be above 0")
        exact = op.fires.whole or (not isinstance(op.fires.leak, Tensor) and op.fires.leak in (0.0, 0.5, 1.0))
        if op.kind == "attention" and not exact:
            raise FactoryError(f"{op.name}: its neuron sees whole numbers, where leaks round down: give whole=True")
        if op.kind != "attention" and op.fires.whole:
            raise FactoryError(f"{op.name}: its neuron sees no whole numbers while it trains: leave whole=True out")
    if op.norm is not None:
        must_be("norm", op.norm, nn.BatchNorm1d, nn.BatchNorm2d)
        if not (op.norm.affine and op.norm.track_running_stats):
            raise FactoryError(f"{op.name}: its norm must be affine and track running statistics")
    if op.kind == "select":
        must_be("selector", op.module, TokenSelector)
    if op.shortcut is not None:
        must_be("shortcut", op.shortcut[1], Shortcut)
        if op.norm is not None:
            raise FactoryError(f"{op.name}: a shortcut cannot meet the sums behind a norm in integers; leave it out")
        if getattr(op.module, "input_scale", 1.0) != 1.0:
            raise FactoryError(f"{op.name}: a shortcut cannot meet sums whose input_scale is not 1; leave it out")


def _geometry(layer: Conv3) -> str:
    bias = "no bias" if layer.bias is None else "a bias"
    return f"stride {layer.stride}, padding {layer.padding}, dilation {layer.dilation}, {layer.groups} groups, {bias}"


def _check_sharing(ops: Iterable[GraphOp]) -> None:
    """FactoryError where two ops share a module: each is pruned, quantised and measured as its op's own."""
    owners: dict[int, str] = {}
    for op in ops:
        branch = None if op.shortcut is None else op.shortcut[1]
        synapse = "selector" if op.kind == "select" else "synapse"
        for role, module in ((synapse, op.module), ("norm", op.norm), ("neuron", op.neuron), ("shortcut", branch)):
            if module is not None and owners.setdefault(id(module), op.name) != op.name:
                raise FactoryError(f"{op.name}: its {role} is also that of {owners[id(module)]}; each op needs its own")


def _check_use(network: SpikingNetwork) -> None:
    """FactoryError for weights that no op has: they would count, and be searched, without being in the package."""
    used = {f"{path}.weight" for s in synapses(network) for path in (s.path, s.shortcut)}
    for name in prunable(network):
        if name not in used:
            raise FactoryError(f"{name}: no op of the network's graph has these weights; remove or describe them")


def _check_size(size: object) -> None:
    if not isinstance(size, Size) or not all(type(value) is int and value > 0 for value in size):
        raise FactoryError(
            f"its size must be a spikewright.models.graph.Size of whole numbers above 0, not {quoted(size)}"
        )


def check_network(network: SpikingNetwork, factory: str) -> None:
    """FactoryError where the network of ``factory`` cannot tell its size or graph, or holds what is not known here."""
    kind = type(network)
    try:
        if kind.size is SpikingNetwork.size or kind.describe is SpikingNetwork.describe:
            raise FactoryError("its network must have a size and describe its graph")
        _check_size(network.size)
        for name, parameter in network.named_parameters():
            if not bool(parameter.isfinite().all()):
                raise FactoryError(f"{name} holds what is no finite number before it is trained")
        ops = graph_of(network).ops
        for op in ops:
            _check(op)
        _check_sharing(ops)
        _check_use(network)
    except Exception as error:
        raise _refusal(factory, error) from None


def _refusal(factory: str, error: Exception) -> FactoryError:
    return FactoryError(f"factory {quoted(factory)}: {error if isinstance(error, FactoryError) else error_text(error)}")


def check_training(
    build: Callable[[], SpikingNetwork], images: Tensor, labels: Tensor, factory: str, *, copied: bool = False
) -> None:
    """FactoryError where the networks of ``factory`` cannot take a step of training on two of its images.

    build: calls the factory. copied: the run will copy networks, too. Whatever a user's network raises is told in one
    sentence.
    """
    try:
        network = build()
        if type(network).run is SpikingNetwork.run:
            raise FactoryError("its network must have run, which training calls")
        _check_tensors(network, build())
        if copied:
            _check_copy(network)
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise FactoryError("none of its parameters can be trained; leave requires_grad on")
        result = network.train().run(images)
        if not isinstance(result, Result):
            raise FactoryError(f"run must return a spikewright.models.graph.Result, not {type(result).__name__}")
        wanted = (len(labels), network.size.classes)
        if tuple(result.logits.shape) != wanted:
            raise FactoryError(f"run answers scores {list(result.logits.shape)}; allowed is {list(wanted)}")
        F.cross_entropy(result.logits, labels).backward()  # type: ignore[no-untyped-call]
        if process_count() > 1:
            for name, parameter in network.named_parameters():
                if parameter.requires_grad and parameter.grad is None:
                    raise FactoryError(f"no gradient reaches {name}; with several processes, remove or freeze it")
        _check_double(network, images)
    except Exception as error:
        raise _refusal(factory, error) from None


def _check_tensors(network: SpikingNetwork, again: SpikingNetwork) -> None:
    """FactoryError where numbers are of another type than training's, or two networks of a factory have one tensor."""
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    others = {id(tensor) for tensor in (*again.parameters(), *again.buffers())}
    if _shapes(network) != _shapes(again):
        raise FactoryError("two calls build networks of different tensors; each must build the same")
    for name, tensor in tensors.items():
        if id(tensor) in others:
            raise FactoryError(f"{name} is the same in two networks that it builds; each call must build its own")
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise FactoryError(f"{name} is {tensor.dtype}; allowed is torch.float32")


def _shapes(network: SpikingNetwork) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _check_copy(network: SpikingNetwork) -> None:
    """FactoryError where the network cannot be copied."""
    try:
        copy.deepcopy(network)
    except Exception as error:
        raise FactoryError(f"its network cannot be copied: {error_text(error)}") from None


def _check_double(network: SpikingNetwork, images: Tensor) -> None:
    """FactoryError where the network cannot be judged, which is done in float64, so that sums are exact."""
    try:
        with torch.no_grad():
            logits = network.double().eval()(images.double())
    except Exception as error:
        raise FactoryError(f"run must take float64 too, in which networks are judged: {error_text(error)}") from None
    if logits.dtype != torch.float64:
        raise FactoryError(f"run answers {logits.dtype} to a network and images of float64, in which it is judged")
