"""Small valid packages of random graphs over the whole format: what hostile files are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikewright.models.package import Network, TensorSpec, tensor_specs

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
class Graph:
    """Ops under construction, as JSON, and the values that may be read."""

    rng: Rng
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
        leak = 8 if rng.random() < 0.96 else self.one([None, 0, 1, 15, 16])
        bits = int(rng.integers(0, 7)) if rng.random() < 0.95 else int(rng.integers(0, 21))
        return {
            "leak": leak, "reset": self.one(["hard", "soft"]), "compare": self.one(["ge", "gt"]), "fraction_bits": bits,
        }  # fmt: skip

    def put(self, kind: str, like: Made, fields: dict[str, Any], **changes: Any) -> None:
        """Append an op whose value is like another one, but for the changes."""
        name = f"{kind}{len(self.ops)}"
        self.ops.append({"kind": kind, "name": name, **fields})
        self.values.append(Made(**{**vars(like), "name": name, "kind": kind, **changes}))

    def conv(self) -> None:
        source = self.one([value for value in self.values if value.grid])
        channels = self.count(6)
        fields = {"input": source.name, "channels": channels, "weights": self.weights(), "neuron": self.neuron()}
        if self.rng.random() < 0.04:
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
            counts = self.rng.random() < 0.06
            fields = {"input": source.name} | ({"function": "count"} if counts else {})
            self.put("pool", source, fields, tokens=rows * columns, grid=(rows, columns), spikes=not counts)

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
            if self.rng.random() < 0.04:
                fields["limit"] = self.one([1, 3, 7])
            self.put("add", stream, fields, grid=stream.grid if branch.grid else None, spikes=False)

    def linear(self) -> None:
        source = self.one([value for value in self.values if value.kind != "image"])
        channels = source.channels if self.rng.random() < 0.6 else self.count(8)
        fields = {"input": source.name, "channels": channels, "weights": self.weights(), "neuron": self.neuron()}
        self.put("linear", source, fields, channels=channels, grid=None, spikes=True)

    def attention(self) -> None:
        spikes = [value for value in self.values if value.spikes]
        query = self.one(spikes)
        alike = [v for v in spikes if v.tokens == query.tokens and len({v.grid, query.grid} - {None}) < 2]
        key = self.one([value for value in alike if value.channels == query.channels])
        value = self.one(alike if self.rng.random() < 0.06 else [v for v in alike if v.channels == query.channels])
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


def base_network(rng: Rng) -> dict[str, Any]:
    """The JSON of a small network: 1 to 9 ops and a head, of every kind, often what no accelerator takes."""
    graph = Graph(rng)
    rows, columns, channels = (int(rng.choice([1, 2, 3, 4, 6, 8], p=[0.1, 0.2, 0.1, 0.3, 0.1, 0.2])) for _ in range(3))
    graph.values.append(Made("input", rows * columns, min(channels, 3), (rows, columns), False, "image"))
    graph.conv()
    for _ in range(int(rng.integers(0, 9))):
        kind = graph.one(["conv", "pool", "add", "linear", "linear", "attention", "select", "add"])
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
    image |= {"signed": bool(rng.integers(2))} | ({"frames": True} if rng.random() < 0.03 else {})
    return {
        "format": "spikewright-package", "version": 1, "name": "base", "steps": int(rng.choice([1, 2, 3, 4, 5, 8])),
        "input": image, "ops": graph.ops, "output": "head",
    }  # fmt: skip


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
