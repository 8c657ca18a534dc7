"""The integer neuron against rational arithmetic, and against the words of docs/package.md."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.compiler.front.neuron import Neuron
from spikewright.models.package import Compare, NeuronFormat, Reset
from spikewright.sim.golden.exact import fire

SEMANTICS = [(reset, compare) for reset in Reset for compare in Compare]
sums = st.lists(st.integers(-(2**20), 2**20) | st.integers(-12, 12), min_size=1, max_size=20)
thresholds = st.integers(1, 20) | st.integers(1, 2**24)
biases = st.integers(-9, 9) | st.integers(-(2**24), 2**24)


def golden(a, leak, reset, compare, fraction_bits, threshold, bias):
    neuron = NeuronFormat(leak=leak, reset=reset, compare=compare, fraction_bits=fraction_bits)
    a = torch.tensor(a).reshape(1, -1, 1, 1)
    return fire(a, neuron, torch.tensor([threshold]), torch.tensor([bias]), a.shape[1]).flatten().tolist()


def interpreted(a, leak, reset, compare, fraction_bits, threshold, bias):
    neuron = Neuron(leak, Reset(reset), Compare(compare), fraction_bits, np.array([threshold]), np.array([bias]))
    return neuron.fire("x", np.array(a).reshape(1, -1, 1, 1), len(a), None).flatten().tolist()


def by_the_words(a, leak, reset, compare, fraction_bits, threshold, bias, rational=False):
    u, spikes = Fraction(0), []
    for current in a:
        leaked = Fraction(leak) * u / 16
        if not rational:
            leaked = Fraction(math.floor(leaked) if compare == "ge" else math.ceil(leaked))
        u = leaked + current * 2**fraction_bits + bias
        spike = u >= threshold if compare == "ge" else u > threshold
        if spike:
            u = Fraction(0) if reset == "hard" else u - threshold
        spikes.append(int(spike))
    return spikes


@pytest.mark.parametrize(("reset", "compare"), SEMANTICS)
@settings(max_examples=150, deadline=None)
@given(a=sums, f=st.integers(0, 20), threshold=thresholds, bias=biases)
def test_leak_8_is_rational_arithmetic(reset, compare, a, f, threshold, bias):
    case = (a, 8, reset, compare, f, threshold, bias)
    assert golden(*case) == interpreted(*case) == by_the_words(*case, rational=True)


@pytest.mark.parametrize(("reset", "compare"), SEMANTICS)
@settings(max_examples=150, deadline=None)
@given(a=sums, leak=st.integers(0, 16), f=st.integers(0, 20), threshold=thresholds, bias=biases)
def test_every_leak_is_what_the_specification_says(reset, compare, a, leak, f, threshold, bias):
    case = (a, leak, reset, compare, f, threshold, bias)
    assert golden(*case) == interpreted(*case) == by_the_words(*case)


def test_the_boundary():
    for model in (golden, interpreted):
        assert model([3, 3, 3], 0, "hard", "ge", 0, 3, 0) == [1, 1, 1]
        assert model([3, 3, 3], 0, "hard", "gt", 0, 3, 0) == [0, 0, 0]
        assert model([5, 0, 0], 16, "soft", "ge", 0, 2, 0) == [1, 1, 0]
        assert model([5, 0, 0], 16, "hard", "ge", 0, 2, 0) == [1, 0, 0]
        assert model([-1, 0, 1], 8, "hard", "ge", 0, 1, 0) == [0, 0, 0]  # floor(-1 / 2) = -1
        assert model([1, 0, 0], 8, "hard", "gt", 0, 1, 0) == [0, 0, 0]
        assert model([1, 1, 0], 8, "hard", "gt", 0, 1, 0) == [0, 1, 0]  # ceil(1 / 2) = 1
