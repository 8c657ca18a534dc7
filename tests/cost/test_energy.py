"""Energy by hand for small layers, and what a format changes on this engine and what it does not."""

from dataclasses import replace

import pytest

from spikewright.cost.energy import AC_PJ, ACCESS_PJ_A_BIT, ADD_PJ_A_BIT, MAC_PJ, Activity, layer_energy, total_energy
from spikewright.cost.estimate import estimate_rom_bits
from spikewright.cost.formats import format_cost
from spikewright.cost.rom import Widths
from spikewright.cost.shape import Shape
from spikewright.cost.storage import average_bits, compression
from spikewright.cost.widths import adder_bits
from spikewright.cost.work import Layer, Walk

#: 32 tokens in two tiles, eight steps in two groups: four walks of a list.
LAYER = Layer(
    "fc", "linear", 16, 8, 32, 8, planes=2, spikes=False, weights=128, kept=40, bits=4, walk=Walk(32, steps=8)
)
WIDTHS = Widths(code=4, offset=5, count=3, neuron=40)


def test_a_weight_is_read_once_a_tile_and_step_group_and_a_spike_word_with_it() -> None:
    energy = layer_energy(LAYER, Activity((0.3, 0.1), 0.35), Shape(), WIDTHS)
    entries = 40 * 4 * 9
    once = 8 * 4 * 3 + 8 * 40  # counts of four banks, neuron parameters
    assert energy.weight_pj == pytest.approx((entries + once) * ACCESS_PJ_A_BIT)
    words = 40 * 2 * 4 + 8 * 4  # both planes of each entry read; one word an output written
    assert energy.spike_pj == pytest.approx(words * 64 * ACCESS_PJ_A_BIT)
    additions = 40 * 32 * 8 * (0.3 + 0.1) + 2 * 8 * 32 * 8
    assert energy.add_pj == pytest.approx(additions * adder_bits(LAYER) * ADD_PJ_A_BIT)
    assert energy.float_pj == pytest.approx(40 * 32 * 8 * 0.35 * MAC_PJ)
    assert energy.bits_pj == pytest.approx(energy.add_pj + energy.weight_pj + energy.spike_pj)


def test_a_shortcut_by_a_gain_reads_its_digits_and_one_through_a_matrix_is_a_layer_of_its_own() -> None:
    by_gain = replace(LAYER, joined=11, gains=11, gain_bits=4, walk=replace(LAYER.walk, captured=3))
    by_matrix = replace(by_gain, gains=0)
    rates = Activity((0.3, 0.1), 0.35)
    plain, gain, matrix = (layer_energy(layer, rates, Shape(), WIDTHS) for layer in (LAYER, by_gain, by_matrix))
    assert gain.weight_pj - plain.weight_pj == pytest.approx(11 * 4 * 9 * ACCESS_PJ_A_BIT)
    assert gain.spike_pj - plain.spike_pj == pytest.approx(11 * 3 * 4 * 64 * ACCESS_PJ_A_BIT)
    assert gain.add_pj - plain.add_pj == pytest.approx(11 * 3 * 32 * 8 * 0.2 * adder_bits(LAYER) * ADD_PJ_A_BIT)
    assert matrix == plain


def test_more_steps_in_a_group_halve_the_reads_of_weights_and_change_no_addition() -> None:
    four, eight = (layer_energy(LAYER, 0.2, Shape(steps=steps), replace(WIDTHS, count=1)) for steps in (4, 8))
    assert four.add_pj == eight.add_pj
    assert four.weight_pj - eight.weight_pj == pytest.approx(40 * 2 * 9 * ACCESS_PJ_A_BIT)
    assert four.spike_pj == pytest.approx(eight.spike_pj)  # half as many words, twice as wide


def test_a_residual_is_read_and_written_whole() -> None:
    residual = replace(LAYER, walk=replace(LAYER.walk, captured=3, out_planes=3))
    difference = (
        layer_energy(residual, 0.2, Shape(), WIDTHS).spike_pj - layer_energy(LAYER, 0.2, Shape(), WIDTHS).spike_pj
    )
    assert difference == pytest.approx(8 * 4 * (3 + 2) * 64 * ACCESS_PJ_A_BIT)


def test_a_still_image_is_summed_once_where_the_step_lanes_hold_positions() -> None:
    image = Layer(
        "conv", "conv", 1, 8, 256, 4, taps=9, planes=8, spikes=False, weights=72, kept=50, bits=4,
        walk=Walk(16, (4, 4), 4, still=True, halo=True),
    )  # fmt: skip
    folded = layer_energy(image, 0.5, Shape(), WIDTHS)
    plain = layer_energy(replace(image, walk=replace(image.walk, still=False)), 0.5, Shape(), WIDTHS)
    assert plain.spike_pj - folded.spike_pj == pytest.approx(50 * 8 * (16 - 4) * 64 * ACCESS_PJ_A_BIT)
    assert folded.float_pj == plain.float_pj  # the papers compute it at every step
    assert folded.add_pj < plain.add_pj


def test_attention_multiplies_nothing() -> None:
    layer = Layer("attn", "attention", 32, 32, 16, 4, heads=4, walk=Walk(16, steps=4))
    energy = layer_energy(layer, Activity((0.2, 0.1, 0.3), 0.2), Shape(), WIDTHS)
    assert energy.float_pj == pytest.approx(4 * 16 * 16 * (32 * 0.2 + 32 * 0.3) * AC_PJ)
    elements, count = 4 * 8 * 8, 5  # of K^T V, each a count of at most 16 tokens
    additions = elements * 16 * 4 * (0.1 * 0.3 * count + 0.2 * adder_bits(layer))  # K and V both 1; Q gates the counts
    neurons = 2 * 32 * 16 * 4 * adder_bits(layer)
    assert energy.add_pj == pytest.approx((additions + neurons) * ADD_PJ_A_BIT)
    products = elements * 4 * count * 2  # of each step, written and read
    assert energy.weight_pj == pytest.approx((products + 32 * 40) * ACCESS_PJ_A_BIT)
    # key words once a head, two rows of the banks for each of the value's eight; query words once an element
    words = 4 * (8 + 8 * 2) + elements + 32
    assert energy.spike_pj == pytest.approx(words * 64 * ACCESS_PJ_A_BIT)
    whole = total_energy([layer, LAYER], {"attn": 0.2, "fc": 0.2})
    parts = [layer_energy(layer, 0.2), layer_energy(LAYER, 0.2)]
    assert whole.float_pj == pytest.approx(sum(part.float_pj for part in parts))


def test_what_a_format_changes() -> None:
    def cost(scheme: str, bits: int):
        return format_cost(LAYER, scheme, bits, activity=0.2)

    eight, four, shifts = cost("uniform", 8), cost("uniform", 4), cost("pot", 4)
    assert eight.cycles == four.cycles == shifts.cycles
    assert eight.rom_bits - four.rom_bits == pytest.approx(4 * 40, abs=4 * 4)  # and in the padding of four ROMs
    assert four.rom_bits == shifts.rom_bits
    assert four.adder_bits < shifts.adder_bits <= eight.adder_bits
    assert four.energy_pj < shifts.energy_pj < eight.energy_pj
    narrow = format_cost(replace(LAYER, kept=20), "uniform", 4, activity=0.2)
    assert narrow.cycles < four.cycles


def test_the_widest_code_sets_the_width_of_all() -> None:
    wide = replace(LAYER, name="wide", bits=8)
    alone = sum(estimate_rom_bits([layer], Shape()).total for layer in (LAYER, wide))
    together = compression([LAYER, wide])
    assert together.stored < 32 * 256 / alone
    assert (together.weights, together.bits, average_bits([LAYER, wide])) == (256 / 80, 32 / 6, 6)
