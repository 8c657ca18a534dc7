"""Networks of published sizes: their inputs; and (slow) each through RTL by the commands, every value."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.hardware.full_size.drawing import LEAST_RATE, MOST_RATE, drawn
from benchmarks.hardware.full_size.measure import Measured, Taken, measured
from benchmarks.hardware.full_size.networks import CALIBRATION, NETWORKS, FullSize, event_digits, patches
from benchmarks.hardware.full_size.rows import Bar, exact_row, time_row
from spikewright.compress.recipe.reading import parse_recipe
from spikewright.sim.golden import run as golden


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_reads_its_images(name: str) -> None:
    recipe = parse_recipe(f"name: {name}\n{NETWORKS[name].recipe}")
    height, width, channels = recipe.model.height, recipe.model.width, recipe.model.channels
    images = NETWORKS[name].images(1)
    assert images.shape[-3:] == (height, width, channels)
    assert images.dtype == np.uint8
    assert images.ndim == 4 or images.shape[1] == recipe.model.steps
    assert np.array_equal(images, NETWORKS[name].images(2)[:1])


def test_patches_differ_and_events_move() -> None:
    pictures = patches(32)(4)
    assert len(np.unique(pictures.reshape(4, -1), axis=0)) == 4
    frames = event_digits(32, 4)(1)[0]
    assert (frames.reshape(4, -1).sum(axis=1) > 0).all()
    assert len(np.unique(frames.reshape(4, -1), axis=0)) == 4


TINY = FullSize(
    "data: digits\nmodel: {height: 8, width: 8, channels: 3, classes: 3, steps: 2, dim: 16, depth: 2, heads: 2, "
    "pools: [3]}\nconstraints:\n  tokens: {keep: 0.7, before: [1]}\n"
    "  quantisers: {layers: {'*': {scheme: uniform, bits: 4}}}\n",
    patches(8),
)


def test_a_drawn_network_fires_as_it_should() -> None:
    images = TINY.images(CALIBRATION)
    package = drawn("tiny", TINY, images)
    values = golden(package, images).values
    rates = [float(values[op.name].double().mean()) for op in package.network.ops if hasattr(op, "neuron")]
    assert LEAST_RATE <= min(rates) <= max(rates) <= MOST_RATE
    assert drawn("tiny", TINY, images).network == package.network


def measured_with(mismatches: int = 0, cycles: float = 90.0, rates: tuple[float, float] = (0.06, 0.19)) -> Any:
    shape = SimpleNamespace(lanes=8, banks=2, streams=1)

    def report(mismatches: int, cycles: float) -> Any:
        return SimpleNamespace(
            bit_exact=not mismatches, mismatches=mismatches, values_compared=10, images=2, structure=shape,
            cycles=SimpleNamespace(per_image=cycles, predicted=90),
        )  # fmt: skip

    taken = Taken(12.0, 1.5)
    return Measured(report(mismatches, 70.0), report(0, cycles), taken, taken, taken, rates)


def test_a_row_is_met_only_where_all_is_equal_and_alive() -> None:
    right = exact_row("tiny", measured_with())
    assert right.met
    assert right.value == {
        "mismatches": 0, "values": 20, "images": 3, "predicted": 90, "measured": 90, "skipping": 70,
    }  # fmt: skip
    wrong = (measured_with(mismatches=1), measured_with(cycles=91.0), measured_with(rates=(0.04, 0.1)))
    assert not any(exact_row("tiny", took).met for took in (*wrong, measured_with(rates=(0.06, 0.21))))
    times = time_row("tiny", measured_with(), None)
    assert (times.value, times.met) == ({"generate": 12.0, "build": 12.0, "image": 6.0, "gib": 1.5}, None)
    assert [time_row("tiny", measured_with(), bar).met for bar in (
        Bar(12, 12, 6, 1.5), Bar(None, 12, 6, 1.5), Bar(11, 12, 6, 1.5), Bar(12, 11, 6, 1.5), Bar(12, 12, 5, 1.5),
        Bar(12, 12, 6, 1),
    )] == [True, True, False, False, False, False]  # fmt: skip


@pytest.mark.slow
@pytest.mark.simulator
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_value_and_every_cycle(name: str, tmp_path: Path) -> None:
    took = measured(name, NETWORKS[name], tmp_path)
    assert took.alive, took.rates
    assert took.report.images == NETWORKS[name].run
    assert took.report.mismatches == took.always.mismatches == 0
    assert took.always.cycles.per_image == took.always.cycles.predicted
    assert took.exact
