"""From a model package to a bit-exact verdict, with the Python API instead of the command line.

Without an argument a random network is made, every layer of which fires.

    python examples/compare_a_network.py [package.safetensors]
"""

import sys
import tempfile
from pathlib import Path

import torch

from spikewright.compiler.fit import ShapeRequest
from spikewright.flow.generate import generate
from spikewright.models.package import read_package, write_package
from spikewright.sim.accelerator.compare import compare
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package


def main(folder: Path, path: Path | None) -> bool:
    torch.set_num_threads(1)  # the network is small
    if path is None:
        path = folder / "random.safetensors"
        pools = (False, True, False, False)
        spec = NetworkSpec(height=8, width=8, dim=24, heads=2, depth=2, pools=pools, selectors=((1, 9),))
        write_package(random_package(seed=5, spec=spec), path)
    image = read_package(path).network.input

    # Verilog, ROM images and program: the shape of the engine that fits the board, or one given here
    build = generate(path, "ulx3s-85f", folder / "BUILD", ShapeRequest(lanes=16, banks=2, streams=1))
    print(build.program["choice"]["reason"])
    simulator = build.simulator()  # compiled once for all networks of this structure

    images = random_images(2, 4, NetworkSpec(height=image.height, width=image.width, channels=image.channels))
    comparison = compare(build.network, simulator, images)
    cycles = comparison.counters[:, 0].sum() / comparison.images
    counted = f"{comparison.values} values of {comparison.images} images compared"
    print(f"bit-exact: {comparison.bit_exact}, {counted}", comparison.first or "")
    print(f"{cycles:.0f} cycles an image, {build.program['predicted_cycles']} predicted without skipping")
    return comparison.bit_exact


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        sys.exit(not main(Path(scratch), given))
