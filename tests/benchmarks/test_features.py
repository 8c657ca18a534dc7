"""What the features' figures stand on: the leak product's control is right, and each variant has its feature."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from benchmarks.hardware.features.serial_leak import SerialLeak
from benchmarks.hardware.features.variants import VARIANTS, with_feature
from benchmarks.hardware.reference_build import PACKAGE
from spikewright.compiler.compile import compile_package
from spikewright.compiler.target.structure import FLAGS, Shape
from spikewright.hdl.leak import LeakProduct
from spikewright.models.package import read_package


def test_one_bit_a_cycle_divides_as_the_tree_does() -> None:
    rng = np.random.default_rng(1)
    unit = SerialLeak(width=12)
    kept: list[int] = []
    cases = [
        (int(rng.integers(-2048, 2048)), int(leak), int(up)) for leak in range(17) for up in (0, 1) for _ in range(4)
    ]

    async def bench(context: Any) -> None:
        for membrane, leak, up in cases:
            for signal, value in ((unit.membrane, membrane), (unit.leak, leak), (unit.up, up), (unit.start, 1)):
                context.set(signal, value)
            await context.tick()
            context.set(unit.start, 0)
            await context.tick().repeat(4)
            kept.append(context.get(unit.kept))

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert kept == [int(LeakProduct.model(np.array(u), leak, up=bool(up))) for u, leak, up in cases]


@pytest.mark.parametrize("flag", VARIANTS)
def test_a_variant_has_its_feature_and_no_other(flag: str) -> None:
    structure = compile_package(with_feature(read_package(PACKAGE), flag), Shape(tokens=4, steps=4, banks=2)).structure
    assert [name for name in FLAGS if getattr(structure, name)] == [flag]
