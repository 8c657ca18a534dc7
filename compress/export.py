"""A trained, quantised Spikformer to the model package of docs/package.md: whole numbers only."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikewright.compress.build import selectors
from spikewright.compress.quantise import QuantHead, Quantised, WeightFormat
from spikewright.compress.recipe import Recipe
from spikewright.compress.tokens import QuantSelector
from spikewright.models.neurons import LIF
from spikewright.models.package import Network, Package
from spikewright.models.spikformer import Spikformer

Arrays = dict[str, NDArray[Any]]


def _numpy(tensor: torch.Tensor, dtype: type[np.generic]) -> NDArray[Any]:
    array = tensor.detach().numpy()
    whole = array.astype(dtype)
    if np.issubdtype(dtype, np.integer) and not np.array_equal(whole, array):
        raise ValueError(f"export met a number that is not whole or does not fit {np.dtype(dtype).name}")
    return cast("NDArray[Any]", whole)


def _weights(fmt: WeightFormat) -> dict[str, Any]:
    return {"scheme": fmt.scheme, "bits": fmt.bits}


def _neuron(neuron: LIF, fraction_bits: int) -> dict[str, Any]:
    sixteenths = neuron.leak * 16
    if sixteenths % 1:
        raise ValueError(f"leak must be a multiple of 1/16 to be exported, not {neuron.leak!r}")
    return {
        "leak": int(sixteenths), "reset": neuron.reset, "compare": neuron.compare, "fraction_bits": fraction_bits
    }  # fmt: skip


class _Exporter:
    """Collects ops and tensors in execution order."""

    def __init__(self) -> None:
        self.ops: list[dict[str, Any]] = []
        self.tensors: Arrays = {}

    def op(self, name: str, kind: str, **fields: Any) -> str:
        self.ops.append({"name": name, "kind": kind, **fields})
        return name

    def layer(self, name: str, kind: str, source: str, owner: nn.Module, key: str, suffix: str = "") -> str:
        """A conv or linear with the norm and the neuron that ``owner`` keeps beside it."""
        synapse = cast(Quantised, getattr(owner, f"{key}_{suffix}" if suffix else key))
        stem = key if suffix else None
        norm_name = f"{stem}_bn" if stem else key.replace("conv", "bn")
        neuron = cast(LIF, getattr(owner, norm_name.replace("bn", "lif")))
        folded = synapse.fold(cast(nn.BatchNorm1d, getattr(owner, norm_name)), neuron)
        codes = synapse.integer_codes()
        codes = codes * folded.sign.reshape(-1, *([1] * (codes.dim() - 1)))
        self.tensors[f"{name}.codes"] = _numpy(codes[:, :, 0] if codes.dim() == 3 else codes, np.int8)
        self.tensors[f"{name}.scale"] = _numpy(synapse.step.reshape(-1), np.float32)
        self.tensors[f"{name}.threshold"] = _numpy(folded.threshold, np.int32)
        self.tensors[f"{name}.bias"] = _numpy(folded.bias, np.int32)
        form = _neuron(neuron, synapse.fmt.fraction_bits)
        return self.op(name, kind, input=source, channels=codes.shape[0], weights=_weights(synapse.fmt), neuron=form)

    def patch_embed(self, model: Spikformer) -> str:
        part, value = model.patch_embed, "input"
        for i, suffix in enumerate(("", "1", "2", "3")):
            value = self.layer(f"patch_embed.proj_conv{suffix}", "conv", value, part, f"proj_conv{suffix}")
            if i + 1 in part.pools:
                value = self.op(f"patch_embed.pool{suffix}", "pool", input=value)
        rpe = self.layer("patch_embed.rpe_conv", "conv", value, part, "rpe_conv")
        return self.op("patch_embed.add", "add", inputs=[value, rpe])

    def block(self, model: Spikformer, i: int, stream: str) -> str:
        block, config, prefix = model.block[i], model.config, f"block.{i}"
        attn, mlp = cast(Any, block).attn, cast(Any, block).mlp
        q, k, v = (
            self.layer(f"{prefix}.attn.{n}_{attn.suffix}", "linear", stream, attn, n, attn.suffix) for n in "qkv"
        )
        level = torch.tensor(attn.attn_lif.level, dtype=torch.float64)
        name = f"{prefix}.attn.attn"
        self.tensors[f"{name}.threshold"] = _numpy(level.expand(config.dim), np.int32)
        self.tensors[f"{name}.bias"] = np.zeros(config.dim, np.int32)
        mixed = self.op(
            name, "attention", query=q, key=k, value=v, heads=config.heads, neuron=_neuron(attn.attn_lif, 0)
        )
        proj = self.layer(f"{prefix}.attn.proj_{attn.suffix}", "linear", mixed, attn, "proj", attn.suffix)
        stream = self.op(f"{prefix}.attn.add", "add", inputs=[stream, proj])
        value = stream
        for n in ("fc1", "fc2"):
            value = self.layer(f"{prefix}.mlp.{n}_{mlp.suffix}", "linear", value, mlp, n, mlp.suffix)
        return self.op(f"{prefix}.mlp.add", "add", inputs=[stream, value])

    def select(self, key: str, selector: QuantSelector, stream: str) -> str:
        name = f"selector.{key}"
        hidden, score = cast(Quantised, selector.hidden), cast(Quantised, selector.score)
        for part, layer, bias in (
            ("hidden", hidden, selector.hidden_bias()), ("score", score, selector.score_bias())
        ):  # fmt: skip
            self.tensors[f"{name}.{part}.codes"] = _numpy(layer.integer_codes(), np.int8)
            self.tensors[f"{name}.{part}.scale"] = _numpy(layer.step.reshape(-1), np.float32)
            self.tensors[f"{name}.{part}.bias"] = _numpy(bias, np.int32)
        return self.op(
            name, "select", input=stream, keep=selector.keep,
            hidden={"channels": hidden.weight.shape[0], "weights": _weights(hidden.fmt),
                    "fraction_bits": hidden.fmt.fraction_bits, "shift": int(selector.shift)},
            score={"weights": _weights(score.fmt), "fraction_bits": score.fmt.fraction_bits},
        )  # fmt: skip

    def head(self, head: QuantHead, stream: str) -> str:
        self.tensors["head.codes"] = _numpy(head.integer_codes(), np.int8)
        self.tensors["head.scale"] = _numpy(head.step.reshape(-1), np.float32)
        self.tensors["head.bias"] = _numpy(head.integer_bias(), np.int32)
        return self.op(
            "head", "head", input=stream, channels=head.weight.shape[0], weights=_weights(head.fmt),
            fraction_bits=head.fmt.fraction_bits,
        )  # fmt: skip


def export_package(
    model: Spikformer,
    recipe: Recipe,
    table: NDArray[np.int16],
    *,
    records: Arrays | None = None,
    provenance: dict[str, Any] | None = None,
) -> Package:
    """The package of a quantised model (see :func:`spikewright.compress.build.quantise`)."""
    model.eval()
    out = _Exporter()
    stream = out.patch_embed(model)
    for i in range(model.config.depth):
        if str(i) in model.selector:
            stream = out.select(str(i), cast(QuantSelector, model.selector[str(i)]), stream)
        stream = out.block(model, i, stream)
    output = out.head(cast(QuantHead, model.head), stream)
    config = model.config
    network = Network.model_validate({
        "format": "spikewright-package", "version": 1, "name": recipe.name, "data": recipe.data,
        "steps": config.steps, "ops": out.ops, "output": output, "provenance": provenance or {},
        "input": {"height": config.height, "width": config.width, "channels": config.channels,
                  "bits": recipe.input_bits, "signed": True},
    })  # fmt: skip
    return Package(network, {"input.table": table, **out.tensors, **(records or {})})


def weight_statistics(model: Spikformer) -> dict[str, Any]:
    """Weights of quantised layers: total, kept (code not zero), and average bits over both."""
    layers = [m for m in model.modules() if isinstance(m, Quantised)]
    totals = [m.weight.numel() for m in layers]
    kept = [int((m.integer_codes() != 0).sum()) for m in layers]
    bits = [m.fmt.bits for m in layers]
    by_scheme = {
        s: sum(n for m, n in zip(layers, totals, strict=True) if m.fmt.scheme == s) for s in ("uniform", "pot")
    }
    average = sum(n * b for n, b in zip(totals, bits, strict=True)) / sum(totals)
    return {
        "total": sum(totals),
        "kept": sum(kept),
        "sparsity": round(1.0 - sum(kept) / sum(totals), 6),
        "average_bits": round(average, 4),
        "average_bits_kept": round(sum(n * b for n, b in zip(kept, bits, strict=True)) / max(1, sum(kept)), 4),
        "compression": round(32.0 / average, 3),
        "weights_by_scheme": by_scheme,
        "tokens": [model.config.tokens, *(s.keep for s in selectors(model))],
    }
