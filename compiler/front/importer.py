"""Package to IR."""

import numpy as np

from spikewright.compiler.front.ir import SCHEMA_VERSION, Graph, ImageInput, IRError, Value
from spikewright.compiler.front.limits import FRAMES
from spikewright.compiler.front.ops import OPS
from spikewright.compiler.front.verify import verify
from spikewright.models.package import IMAGE, Package, check, shapes


def import_package(package: Package) -> Graph:
    """The graph of a package, verified; PackageError if the package is not valid, IRError for what is not built yet."""
    network = package.network
    check(network, package.tensors)
    if network.input.frames:
        raise IRError(f"input: {FRAMES.text()}")
    image = ImageInput(
        **network.input.model_dump(exclude={"frames"}), table=np.array(package.tensors["input.table"], dtype=np.int16)
    )
    values = {
        name: Value(name, 1 if name == IMAGE else network.steps, s.tokens, s.channels, s.grid, s.is_spikes)
        for name, s in shapes(network).items()
    }
    ops = tuple(OPS[op.kind].read(package, op) for op in network.ops)
    head = network.ops[-1]
    values[head.name] = ops[-1].result([values[name] for name in head.reads], network.steps)
    graph = Graph(network.name, SCHEMA_VERSION, network.steps, image, ops, values)
    verify(graph)
    return graph
