"""Random networks on a few structures, ROMs swapped: every layer, step, token and channel as in the golden model."""

import numpy as np
import pytest
from networks import DEFAULT, GROUPS, programs_of, run_network

CASES = [
    pytest.param(name, index, id=f"{name}-{network.seed}", marks=() if name in DEFAULT else pytest.mark.slow)
    for name, group in GROUPS.items()
    for index, network in enumerate(group.networks)
]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "index"), CASES)
def test_bit_exact(name, index, tmp_path):
    comparison = run_network(name, index, tmp_path, stall=90 if index % 2 else 0)
    assert comparison.bit_exact, f"{comparison.first}; {comparison.mismatches} in all, layers {comparison.layers}"
    assert comparison.rtl == comparison.golden
    program = programs_of(name)[index]
    predicted = np.array(program.predicted_cycles) * comparison.images
    if program.structure.shape.skip:
        # skipping may cost a layer with nothing to skip a percent, while the look-up runs ahead; never the image
        assert comparison.counters[:, 0].sum() <= predicted.sum()
        pairs = [draft.pairs for draft in program.descriptors[:-1]]
        assert (comparison.counters[:, 1] + comparison.counters[:, 2] == np.array(pairs) * comparison.images).all()
    else:
        assert comparison.counters[:, 0].tolist() == predicted.tolist()
        assert not comparison.counters[:, 2].any()


def test_there_are_fifty_and_the_loops_loop():
    networks = [network for group in GROUPS.values() for network in group.networks]
    assert len(networks) == 50
    assert sum(len(GROUPS[name].networks) for name in DEFAULT) == 10
    large = GROUPS["large"]
    assert {network.spec.steps for network in large.networks} == {2, 5, 8}
    assert {network.spec.dim for network in large.networks} == {96, 112, 128}
    assert (large.shape.streams, large.shape.banks) == (2, 8)
    for network in large.networks:
        assert (network.spec.height, network.spec.channels, len(network.spec.selectors)) == (32, 3, 2)
        assert network.spec.selectors[-1][1] > large.shape.tokens  # two token tiles even after the last selector
