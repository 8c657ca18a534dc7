"""Package to IR."""

import numpy as np

from spikewright.compiler.front.ir import SCHEMA_VERSION, Graph, ImageInput, Value
from spikewright.compiler.front.ops import OPS
from spikewright.compiler.front.verify import verify
from spikewright.models.package import IMAGE, Package, check, shapes


def import_package(package: Package) -> Graph:
    """The graph of a package, verified; PackageError if the package is not valid."""
    network = package.network
    check(network, package.tensors)
    image = ImageInput(
        **network.input.model_dump(), table=np.array(package.tensors["input.table"], dtype=np.int16)
    )  # fmt: skip
    values = {
        name: Value(
            name, 1 if name == IMAGE and not image.frames else network.steps, s.tokens, s.channels, s.grid, s.is_spikes
        )
        for name, s in shapes(network).items()
    }
    ops = tuple(OPS[op.kind].read(package, op) for op in network.ops)
    head = network.ops[-1]
    values[head.name] = ops[-1].result([values[name] for name in head.reads], network.steps)
    graph = Graph(network.name, SCHEMA_VERSION, network.steps, image, ops, values)
    verify(graph)
    return graph
