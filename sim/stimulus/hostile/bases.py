"""Small valid packages of random graphs over the whole format: what hostile files are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikewright.models.package import Network, Package, TensorSpec, parse_network, tensor_specs

Array = np.ndarray
Rng = np.random.Generator


@dataclass
class Made:
    """A value that later ops may read."""

    name: str
    tokens: int
    channels: int
    grid: tuple[int, int] | None
    spikes: bool
    kind: str


@dataclass
class OpsDraft:
    """Ops under construction, as JSON, and the values that may be read.

    rare: how likely each thing is that the accelerator does not take.
    """

    rng: Rng
    rare: float
    ops: list[dict[str, Any]] = field(default_factory=list)
    values: list[Made] = field(default_factory=list)

    def one(self, choices: list[Any]) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def count(self, most: int) -> int:
        return int(self.rng.integers(1, most + 1))

    def weights(self) -> dict[str, Any]:
        pot = self.rng.random() < 0.4
        return {"scheme": "pot", "bits": self.one([3, 4])} if pot else {"scheme": "uniform", "bits": self.count(7) + 1}

    def neuron(self) -> dict[str, Any]:
        rng = self.rng
        leak = 8 if rng.random() >= self.rare else self.one([None, 0, 1, 15, 16])
        bits = int(rng.integers(0, 7)) if rng.random() < 0.95 else int(rng.integers(0, 21))
        return {
            "leak": leak, "reset": self.one(["hard", "soft"]), "compare": self.one(["ge", "gt"]), "fraction_bits": bits,
        }  # fmt: skip

    def put(self, kind: str, like: Made, fields: dict[str, Any], **changes: Any) -> None:
        """Append an op whose value is like another one, but for the changes."""
        name = f"{kind}{len(self.ops)}"
        self.ops.append({"kind": kind, "name": name, **fields})
        self.values.append(Made(**{**vars(like), "name": name, "kind": kind, **changes}))

    def conv(self, channels: int = 0, grid: tuple[int, int] | None = None) -> None:
        source = self.one([value for value in self.values if value.grid and grid in (None, value.grid)])
        channels = channels or self.count(6)
        fields = {"input": source.name, "channels": channels, "weights": self.weights(), "neuron": self.neuron()}
        if self.rng.random() < self.rare:
            joined = self.one([value for value in self.values if value.grid == source.grid])
            gain = joined.channels == channels
            through = {"through": "gain"} if gain else {"through": "matrix", "weights": self.weights()}
            fields["shortcut"] = {"input": joined.name, **through}
        self.put("conv", source, fields, channels=channels, spikes=True)

    def pool(self) -> None:
        even = [v for v in self.values if v.spikes and v.grid and not v.grid[0] % 2 and not v.grid[1] % 2]
        selected = any(op["kind"] == "select" for op in self.ops)  # then all read as many tokens as it kept
        if even and not selected:
            source = self.one(even)
            rows, columns = source.grid[0] // 2, source.grid[1] // 2
            counts = self.rng.random() < self.rare
            fields = {"input": source.name} | ({"function": "count"} if counts else {})
            self.put("pool", source, fields, tokens=rows * columns, grid=(rows, columns), spikes=not counts)

    def own_add(self) -> None:
        """An add of spikes that are made for it, and that nothing else reads."""
        stream = self.one([value for value in self.values if value.kind != "image"])
        if stream.grid and self.rng.random() < 0.6:
            self.conv(stream.channels, stream.grid)
        else:
            self.linear(stream.channels, stream.tokens)
        branch = self.values.pop()
        grid = stream.grid if branch.grid else None
        self.put("add", stream, {"inputs": [stream.name, branch.name]}, grid=grid, spikes=False)

    def add(self) -> None:
        pairs = [
            (a, b)
            for a in self.values
            for b in self.values
            if b.spikes and b.kind in ("conv", "pool", "linear") and a.kind != "image"
            and (a.tokens, a.channels) == (b.tokens, b.channels) and len({a.grid, b.grid} - {None}) < 2
        ]  # fmt: skip
        if pairs:
            stream, branch = self.one(pairs)
            fields: dict[str, Any] = {"inputs": [stream.name, branch.name]}
            if self.rng.random() < self.rare:
                fields["limit"] = self.one([1, 3, 7])
            self.put("add", stream, fields, grid=stream.grid if branch.grid else None, spikes=False)

    def linear(self, channels: int = 0, tokens: int = 0) -> None:
        source = self.one([v for v in self.values if v.kind != "image" and tokens in (0, v.tokens)])
        channels = channels or (source.channels if self.rng.random() < 0.6 else self.count(8))
        fields = {"input": source.name, "channels": channels, "weights": self.weights(), "neuron": self.neuron()}
        self.put("linear", source, fields, channels=channels, grid=None, spikes=True)

    def attention(self) -> None:
        spikes = [value for value in self.values if value.spikes]
        query = self.one(spikes)
        alike = [v for v in spikes if v.tokens == query.tokens and len({v.grid, query.grid} - {None}) < 2]
        key = self.one([value for value in alike if value.channels == query.channels])
        value = self.one(alike if self.rng.random() < self.rare else [v for v in alike if v.channels == query.channels])
        shares = [h for h in (1, 2, 3, 4) if not query.channels % h and not value.channels % h]
        fields = {"query": query.name, "key": key.name, "value": value.name, "heads": self.one(shares)}
        fields["neuron"] = self.neuron()
        self.put("attention", query, fields, channels=value.channels, grid=None)

    def select(self) -> None:
        source = self.one([value for value in self.values if value.kind != "image"])
        hidden = {"channels": self.count(4), "weights": self.weights(), "fraction_bits": self.count(4), "shift": 2}
        keep = self.count(source.tokens)
        fields = {"input": source.name, "keep": keep, "hidden": hidden, "score": {"weights": self.weights()}}
        fields["score"]["fraction_bits"] = self.count(3)
        self.put("select", source, fields, tokens=keep, grid=None)
        self.values = [value for value in self.values if value.tokens == keep and value.kind != "image"]


def base_network(rng: Rng, rare: float = 0.04) -> dict[str, Any]:
    """The JSON of a small network: 1 to 9 ops and a head, of every kind; rare: as in ``OpsDraft``."""
    graph = OpsDraft(rng, rare)
    rows, columns, channels = (int(rng.choice([1, 2, 3, 4, 6, 8], p=[0.1, 0.2, 0.1, 0.3, 0.1, 0.2])) for _ in range(3))
    graph.values.append(Made("input", rows * columns, min(channels, 3), (rows, columns), False, "image"))
    graph.conv()
    for _ in range(int(rng.integers(0, 9))):
        kind = graph.one(["conv", "pool", "own_add", "linear", "own_add", "attention", "select", "add"])
        if kind in ("conv", "attention") and not any(
            value.grid if kind == "conv" else value.spikes for value in graph.values
        ):
            continue
        getattr(graph, kind)()
    head = graph.one([value for value in graph.values if value.kind != "image"])
    graph.ops.append(
        {"kind": "head", "name": "head", "input": head.name, "channels": graph.count(10), "weights": graph.weights(),
         "fraction_bits": int(rng.integers(0, 5))}
    )  # fmt: skip
    image = {"height": rows, "width": columns, "channels": min(channels, 3), "bits": graph.count(8)}
    image |= {"signed": bool(rng.integers(2))} | ({"frames": True} if rng.random() < rare else {})
    return {
        "format": "spikewright-package", "version": 1, "name": "base", "steps": int(rng.choice([1, 2, 3, 4, 5, 8])),
        "input": image, "ops": graph.ops, "output": "head",
    }  # fmt: skip


def base_package(rng: Rng, rare: float = 0.04) -> Package:
    """A small valid package."""
    network = parse_network(json.dumps(base_network(rng, rare)))
    return Package(network, fitting_tensors(rng, network))


def fitting_tensors(rng: Rng, network: Network) -> dict[str, Array]:
    """Random tensors that the network takes."""
    return {name: _fitting(rng, name, spec) for name, spec in tensor_specs(network).items()}


def _fitting(rng: Rng, name: str, spec: TensorSpec) -> Array:
    shape = spec.shapes[int(rng.integers(len(spec.shapes)))]
    if spec.dtype == "float32":
        return rng.uniform(0.01, 1, shape).astype(np.float32)
    usual = (1, 200) if name.endswith(".threshold") else (-100, 100)
    low = usual[0] if spec.low is None else max(spec.low, usual[0]) if spec.high is None else spec.low
    high = usual[1] if spec.high is None else spec.high
    values = rng.integers(low, high + 1, shape)
    if name.endswith(".codes"):
        values *= rng.random(shape) > rng.choice([0.0, 0.5, 0.9])
    return values.astype(spec.dtype)
