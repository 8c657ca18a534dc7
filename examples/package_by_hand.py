"""A spiking network written by hand as a model package, run by the golden model and through the compiler.

Whatever trained your network: if you can say its layers in integers, this is all Spikewright needs. The network here
tells horizontal from vertical stripes: a convolution with two edge kernels, an OR-pool, and a head that counts spikes.

    python examples/package_by_hand.py stripes.safetensors
"""

import sys
from pathlib import Path

import numpy as np

from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Network, Package, write_package
from spikewright.sim.golden import run

NEURON = {"leak": 8, "reset": "hard", "compare": "ge", "fraction_bits": 0}
WEIGHTS = {"scheme": "uniform", "bits": 2}


def stripes_package() -> Package:
    """Two 3x3 edge kernels, a pool, a head: codes, thresholds and biases are whole numbers."""
    edge = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], dtype=np.int8)
    network = Network.model_validate(
        {
            "format": "spikewright-package",
            "version": 1,
            "name": "stripes",
            "data": None,
            "steps": 4,
            "input": {"height": 8, "width": 8, "channels": 1, "bits": 8, "signed": True},
            "ops": [
                {
                    "name": "edges",
                    "kind": "conv",
                    "input": "input",
                    "channels": 2,
                    "weights": WEIGHTS,
                    "neuron": NEURON,
                },
                {"name": "pool", "kind": "pool", "input": "edges"},
                {
                    "name": "head",
                    "kind": "head",
                    "input": "pool",
                    "channels": 2,
                    "weights": WEIGHTS,
                    "fraction_bits": 0,
                },
            ],
            "output": "head",
            "provenance": {},
        }
    )
    tensors = {
        "input.table": (np.arange(256, dtype=np.int16) - 128).reshape(1, 256),  # byte → signed code
        "edges.codes": np.stack([edge, edge.T])[:, None],
        "edges.scale": np.ones(1, dtype=np.float32),
        "edges.threshold": np.full(2, 600, dtype=np.int32),
        "edges.bias": np.zeros(2, dtype=np.int32),
        "head.codes": np.eye(2, dtype=np.int8),
        "head.scale": np.ones(1, dtype=np.float32),
        "head.bias": np.zeros(2, dtype=np.int32),
    }
    return Package(network, tensors)


def stripes(horizontal: bool) -> np.ndarray:
    """An image of 2-pixel stripes, uint8 [8, 8, 1]."""
    image = np.where(np.arange(8) // 2 % 2, 230, 20).astype(np.uint8)[:, None].repeat(8, axis=1)
    return (image if horizontal else image.T)[..., None]


def main(path: Path) -> None:
    package = stripes_package()
    write_package(package, path)  # refuses anything docs/package.md does not allow
    trace = run(package, np.stack([stripes(True), stripes(False)]))
    for name, scores in zip(("horizontal", "vertical"), trace.scores.tolist(), strict=True):
        print(f"{name}: scores {scores}")

    # the same file becomes ROM images and a program for an engine of 16 lanes and 2 banks
    program = compile_package(package, Shape(tokens=4, steps=4, banks=2))
    for descriptor in program.descriptors:
        print(f"{descriptor.kind.name:5} {descriptor.layer:6} {descriptor.cycles:5} cycles")
    print(f"accumulator {program.structure.accumulator_bits} bits, membrane {program.structure.membrane_bits} bits")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "stripes.safetensors"))
