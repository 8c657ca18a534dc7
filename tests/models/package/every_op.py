"""A network with every op and every field of docs/package.md; sizes that a tensor's shape tells apart differ."""

import copy
from typing import Any

WEIGHTS = {"scheme": "uniform", "bits": 8}
NEURON = {"leak": 8, "reset": "hard", "compare": "ge", "fraction_bits": 2}
OPS: list[dict[str, Any]] = [
    {
        "kind": "conv",
        "name": "first",
        "input": "input",
        "channels": 5,
        "weights": WEIGHTS,
        "neuron": {**NEURON, "leak": None},
        "shortcut": None,
    },
    {
        "kind": "conv",
        "name": "joined",
        "input": "first",
        "channels": 7,
        "weights": {"scheme": "pot", "bits": 4},
        "neuron": NEURON,
        "shortcut": {"input": "input", "through": "matrix", "weights": WEIGHTS},
    },
    {
        "kind": "conv",
        "name": "gained",
        "input": "first",
        "channels": 7,
        "weights": WEIGHTS,
        "neuron": NEURON,
        "shortcut": {"input": "joined", "through": "gain", "weights": None},
    },
    {"kind": "add", "name": "sum", "inputs": ["joined", "gained"], "limit": 3},
    {"kind": "pool", "name": "pooled", "input": "gained", "function": "or"},
    {"kind": "linear", "name": "query", "input": "pooled", "channels": 6, "weights": WEIGHTS, "neuron": NEURON},
    {"kind": "linear", "name": "key", "input": "pooled", "channels": 6, "weights": WEIGHTS, "neuron": NEURON},
    {"kind": "linear", "name": "value", "input": "pooled", "channels": 8, "weights": WEIGHTS, "neuron": NEURON},
    {
        "kind": "attention",
        "name": "attended",
        "query": "query",
        "key": "key",
        "value": "value",
        "heads": 2,
        "neuron": NEURON,
    },
    {
        "kind": "select",
        "name": "selected",
        "input": "attended",
        "keep": 4,
        "hidden": {"channels": 13, "weights": WEIGHTS, "fraction_bits": 3, "shift": 1},
        "score": {"weights": WEIGHTS, "fraction_bits": 0},
    },
    {"kind": "head", "name": "head", "input": "selected", "channels": 10, "weights": WEIGHTS, "fraction_bits": 1},
]
NETWORK: dict[str, Any] = {
    "format": "spikewright-package",
    "version": 1,
    "name": "every op",
    "data": None,
    "steps": 4,
    "input": {"height": 4, "width": 8, "channels": 3, "bits": 8, "signed": True, "frames": False},
    "ops": OPS,
    "output": "head",
    "provenance": {},
}


def every_op() -> dict[str, Any]:
    """A copy of it, to be changed."""
    return copy.deepcopy(NETWORK)
