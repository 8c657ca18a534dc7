"""Cell of all methods together, in one recipe, on clutter-digits with depth 4."""

from __future__ import annotations

from benchmarks.compression.lottery_cells import LOTTERY
from benchmarks.compression.network_cost import compressions, network_cycles, package_cycles, stored_bits
from benchmarks.compression.protocol import Answer, Cell, begin, judged
from spikewright.compress.methods.masks import pruned_share
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.build import quantised_from
from spikewright.compress.networks.export import export_package
from spikewright.compress.run.stages import run_stages
from spikewright.models.package import write_package

#: Tokens, round 8 of the trajectory, neurons that learn, and the search, in one recipe.
TOGETHER = (
    LOTTERY.replace("rounds: 11,", "rounds: 11, stop_after: 8,").replace(
        'quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}',
        "quantisers: {method: search, target_bits: 3.6, search_epochs: 10, epochs: 10, gather_epochs: 30, "
        "grid_epochs: 20}",
    )
    + "  neuron: {kind: slif, epochs: 10}\n"
)


def together(fold: int) -> Answer:
    """Tokens, round 8 of the lottery, sLIF and the search, to a package."""
    run = begin(TOGETHER, fold)
    _, state = run_stages(run)
    network = quantised_from(run.recipe, state)
    package = export_package(network, run.recipe, run.task)
    total = sum(layer.weights for layer in layers_of(run.teacher))
    write_package(package, run.checkpoints.folder / f"together-{fold}.safetensors")
    return {
        "classes": judged(run, network, double=True),
        "gone": pruned_share(network),
        "compression": compressions(run, network) | {"stored": 32 * total / stored_bits(package)},
        "cycles": {"package": package_cycles(package), "dense": network_cycles(run, run.teacher)},
    }


CELLS = {"together": Cell(together, {"": TOGETHER}, counted=2)}
