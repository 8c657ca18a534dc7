"""A trained, quantised network to the model package of docs/package.md: whole numbers only."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikewright.compress.methods.quantise import QuantFormat, QuantHead, Quantised, QuantShortcut
from spikewright.compress.methods.tokens import QuantSelector, selectors
from spikewright.compress.recipe.schema import Recipe
from spikewright.cost.storage import mean_bits
from spikewright.models.graph import GraphOp, SpikingNetwork, graph_of
from spikewright.models.neurons import LIF
from spikewright.models.package import Package, parse_network
from spikewright.models.spikformer import Spikformer
from spikewright.models.task import Task

NamedArrays = dict[str, NDArray[Any]]


def _numpy(tensor: torch.Tensor, dtype: type[np.generic]) -> NDArray[Any]:
    array = tensor.detach().numpy()
    whole = array.astype(dtype)
    if np.issubdtype(dtype, np.integer) and not np.array_equal(whole, array):
        raise ValueError(f"export met a number that is not whole or does not fit {np.dtype(dtype).name}")
    return cast("NDArray[Any]", whole)


def _weights(fmt: QuantFormat) -> dict[str, Any]:
    return {"scheme": fmt.scheme, "bits": fmt.bits}


class _Exporter:
    """Ops and tensors of a package, as the network's ops are written down one after another."""

    def __init__(self) -> None:
        self.ops: list[dict[str, Any]] = []
        self.tensors: NamedArrays = {}

    def add(self, op: GraphOp) -> None:
        """Write down an op."""
        fields: dict[str, Any] = {"name": op.name, "kind": op.kind}
        if op.kind == "attention":
            fields |= dict(zip(("query", "key", "value"), op.reads, strict=True))
        elif op.kind == "add":
            fields["inputs"] = list(op.reads)
        else:
            fields["input"] = op.reads[0]
        if op.kind == "conv" or op.kind == "linear":
            fields |= self._layer(op)
        elif op.kind == "pool":
            fields["function"] = op.function
        elif op.kind == "add":
            fields["limit"] = op.limit
        elif op.kind == "attention":
            fields |= self._attention(op)
        elif op.kind == "select":
            fields |= self._select(op.name, cast(QuantSelector, op.module))
        else:
            fields |= self._head(op.name, cast(QuantHead, op.module))
        self.ops.append(fields)

    def _neuron(self, name: str, neuron: LIF, fraction_bits: int, channels: int) -> dict[str, Any]:
        try:
            leaks = neuron.sixteenths()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        uniform = bool((leaks == leaks[0]).all())
        if not uniform:
            self.tensors[f"{name}.leak"] = _numpy(leaks.expand(channels), np.int8)
        return {
            "leak": int(leaks[0]) if uniform else None,
            "reset": neuron.reset,
            "compare": neuron.compare,
            "fraction_bits": fraction_bits,
        }

    def _layer(self, op: GraphOp) -> dict[str, Any]:
        name, layer = op.name, cast(Quantised, op.module)
        folded = layer.fold(cast(nn.BatchNorm1d, op.norm), op.fires)
        codes = layer.integer_codes()
        codes = codes * folded.sign.reshape(-1, *([1] * (codes.dim() - 1)))
        self.tensors[f"{name}.codes"] = _numpy(codes[:, :, 0] if codes.dim() == 3 else codes, np.int8)
        self.tensors[f"{name}.scale"] = _numpy(layer.step.reshape(-1) * layer.input_scale, np.float32)
        self.tensors[f"{name}.threshold"] = _numpy(folded.threshold, np.int32)
        self.tensors[f"{name}.bias"] = _numpy(folded.bias, np.int32)
        form = self._neuron(name, op.fires, layer.fmt.fraction_bits, codes.shape[0])
        fields = {"channels": codes.shape[0], "weights": _weights(layer.fmt), "neuron": form}
        if op.kind == "conv":
            fields["shortcut"] = None if op.shortcut is None else self._shortcut(name, *op.shortcut)
        return fields

    def _shortcut(self, name: str, source: str, branch: nn.Module) -> dict[str, Any]:
        branch = cast(QuantShortcut, branch)
        if branch.weight is None:
            self.tensors[f"{name}.shortcut.gain"] = _numpy(branch.whole_gain(), np.int32)
            return {"input": source, "through": "gain"}
        self.tensors[f"{name}.shortcut.codes"] = _numpy(branch.integer_codes()[:, :, 0, 0], np.int8)
        return {"input": source, "through": "matrix", "weights": _weights(branch.fmt)}

    def _attention(self, op: GraphOp) -> dict[str, Any]:
        channels = len(self.tensors[f"{op.reads[2]}.threshold"])
        level = torch.as_tensor(op.fires.levels(), dtype=torch.float64)
        self.tensors[f"{op.name}.threshold"] = _numpy(level.expand(channels), np.int32)
        self.tensors[f"{op.name}.bias"] = np.zeros(channels, np.int32)
        return {"heads": op.heads, "neuron": self._neuron(op.name, op.fires, 0, channels)}

    def _select(self, name: str, selector: QuantSelector) -> dict[str, Any]:
        hidden, score = cast(Quantised, selector.hidden), cast(Quantised, selector.score)
        for part, layer, bias in (
            ("hidden", hidden, selector.hidden_bias()), ("score", score, selector.score_bias())
        ):  # fmt: skip
            self.tensors[f"{name}.{part}.codes"] = _numpy(layer.integer_codes(), np.int8)
            self.tensors[f"{name}.{part}.scale"] = _numpy(layer.step.reshape(-1), np.float32)
            self.tensors[f"{name}.{part}.bias"] = _numpy(bias, np.int32)
        return {
            "keep": selector.keep,
            "hidden": {"channels": hidden.weight.shape[0], "weights": _weights(hidden.fmt),
                       "fraction_bits": hidden.fmt.fraction_bits, "shift": int(selector.shift)},
            "score": {"weights": _weights(score.fmt), "fraction_bits": score.fmt.fraction_bits},
        }  # fmt: skip

    def _head(self, name: str, head: QuantHead) -> dict[str, Any]:
        self.tensors[f"{name}.codes"] = _numpy(head.integer_codes(), np.int8)
        self.tensors[f"{name}.scale"] = _numpy(head.step.reshape(-1), np.float32)
        self.tensors[f"{name}.bias"] = _numpy(head.integer_bias(), np.int32)
        return {
            "channels": head.weight.shape[0], "weights": _weights(head.fmt), "fraction_bits": head.fmt.fraction_bits
        }  # fmt: skip


def export_network(
    network: SpikingNetwork,
    table: NDArray[np.int16],
    *,
    name: str,
    steps: int,
    image: tuple[int, int, int],
    bits: int,
    signed: bool,
    frames: bool = False,
    data: str | None = None,
    records: NamedArrays | None = None,
    provenance: dict[str, Any] | None = None,
) -> Package:
    """The package of a quantised network (see ``spikewright.compress.networks.build.quantise``).

    image: height, width, channels; bits, signed: of an image code; frames: each step has an image of its own.
    ValueError, one sentence, where a package cannot hold the network.
    """
    network.eval()
    out = _Exporter()
    graph = graph_of(network)
    for op in graph.ops:
        out.add(op)
    whole = parse_network(json.dumps({
        "format": "spikewright-package", "version": 1, "name": name, "data": data,
        "steps": steps, "ops": out.ops, "output": graph.output, "provenance": provenance or {},
        "input": {"height": image[0], "width": image[1], "channels": image[2], "bits": bits, "signed": signed,
                  "frames": frames},
    }))  # fmt: skip
    return Package(whole, {"input.table": table, **out.tensors, **(records or {})})


def export_package(
    model: SpikingNetwork,
    recipe: Recipe,
    task: Task,
    *,
    records: NamedArrays | None = None,
    provenance: dict[str, Any] | None = None,
) -> Package:
    """The package of a recipe's quantised model."""
    size = model.size
    return export_network(
        model, task.table, name=recipe.name, steps=size.steps, image=(size.height, size.width, size.channels),
        bits=recipe.input_bits, signed=task.signed, frames=task.frames,
        data=task.data.name, records=records, provenance=provenance,
    )  # fmt: skip


def weight_statistics(model: SpikingNetwork) -> dict[str, Any]:
    """Weights of quantised layers and shortcuts: total, kept (code not zero), and average bits over both.

    What pruning and rounding left is counted; a package stores less where a channel is constant whatever they are.
    """
    layers = [m for m in model.modules() if isinstance(m, Quantised | QuantShortcut) and m.weight is not None]
    totals = [cast(torch.Tensor, m.weight).numel() for m in layers]
    kept = [int((m.integer_codes() != 0).sum()) for m in layers]
    bits = [m.fmt.bits for m in layers]
    by_scheme = {
        s: sum(n for m, n in zip(layers, totals, strict=True) if m.fmt.scheme == s) for s in ("uniform", "pot")
    }
    average = mean_bits(zip(totals, bits, strict=True))
    return {
        "total": sum(totals),
        "kept": sum(kept),
        "sparsity": round(1.0 - sum(kept) / sum(totals), 6),
        "average_bits": round(average, 4),
        "average_bits_kept": round(mean_bits(zip(kept, bits, strict=True)), 4),
        "compression": round(32.0 / average, 3),
        "weights_by_scheme": by_scheme,
        "tokens": [model.config.tokens, *(s.keep for s in selectors(model))] if isinstance(model, Spikformer) else [],
    }
