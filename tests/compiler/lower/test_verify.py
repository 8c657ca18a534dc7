"""The verifier of lowered networks: right ones pass, and faults of layout are told by op and buffer."""

import numpy as np
import pytest

from spikewright.compiler.compile import planned_graph
from spikewright.compiler.lower.lowered import Lowered
from spikewright.compiler.lower.lowering import lower
from spikewright.compiler.lower.verify import verify_lowered
from spikewright.compiler.program import assemble
from spikewright.compiler.target.structure import Shape
from spikewright.errors import CompilerFault
from spikewright.sim.program.planted import plant
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package, random_spec

SPEC = NetworkSpec(
    height=8, width=12, channels=2, steps=5, dim=14, heads=2, depth=1, mlp_ratio=2, pools=(False, False, False, True),
    selectors=((0, 17),), classes=4, reset=None, compare=None,
)  # fmt: skip
SHAPE = Shape(tokens=5, steps=2, banks=3, streams=2)
#: Planted fault → what the verifier says of it.
FAULTS = {
    "buffers that overlap": "share words while both are alive",
    "a missing halo": "reads words of .* that nothing has written",
    "the stride of tiles": "reads words of .* that nothing has written|reads beyond the .* words",
    "the stride of step groups": "reads words of .* that nothing has written|reads beyond the .* words",
    "a stream one word off": "reads words of .* that nothing has written|reads beyond the .* words",
}


def lowered(seed: int, spec: NetworkSpec, shape: Shape) -> Lowered:
    return lower(planned_graph(random_package(seed, spec)), shape)


@pytest.mark.parametrize("seed", range(8))
def test_right_networks_pass(seed: int) -> None:
    for shape in (SHAPE, Shape(tokens=4, steps=4, banks=4)):
        verify_lowered(lowered(seed, random_spec(np.random.default_rng(seed)), shape))


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_of_layout_are_told(kind: str) -> None:
    program = assemble(lowered(4, SPEC, SHAPE))
    with pytest.raises(CompilerFault, match=f"the program is wrong: .*({FAULTS[kind]})"):
        verify_lowered(plant(kind, program, seed=0).lowered)
