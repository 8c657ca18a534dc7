"""Measure: the least structure that holds a lowered network."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from spikewright.compiler.front.ir import Graph, WeightedSum
from spikewright.compiler.front.neuron import SpikingOp
from spikewright.compiler.front.ops import Attention, Conv, Head, Select
from spikewright.compiler.lower.lowered import Lowered
from spikewright.compiler.target.descriptors import GAP_BITS, LAYOUTS, LOOP, OPTIONS, Kind, Mode, descriptor_words
from spikewright.compiler.target.structure import WORD_BITS, Structure, bits_for
from spikewright.cost.gains import code_bits, most_code
from spikewright.cost.rom import parameter_bits
from spikewright.cost.rows import ROW_ENTRIES
from spikewright.cost.shape import signed_bits
from spikewright.errors import CompilerFault


def _hull(*values: int) -> tuple[int, int]:
    return min(values), max(values)


def _membrane_range(lowered: Lowered) -> tuple[int, int, int, int]:
    """(low, high) of everything the LIF array computes, and of the class scores, on the engine's grid."""
    f = lowered.fraction_bits
    low = high = score_low = score_high = 0
    if lowered.passes:  # weight and threshold are 1
        low, high = -(1 << f) - 2, (1 << f) + 1
    for op in lowered.graph.ops:
        if isinstance(op, SpikingOp):
            assert op.accumulator is not None
            assert op.membrane is not None
            neuron = op.neuron
            up = f - neuron.fraction_bits
            drive = _hull(
                (op.accumulator.low << f) + (int(neuron.bias.min()) << up),
                (op.accumulator.high << f) + (int(neuron.bias.max()) << up),
                0,
            )
            u = _hull(op.membrane.low << up, op.membrane.high << up, 0)
            top = int(neuron.threshold.max()) << up
            # u/2 + drive, and the same less the threshold (and one)
            low = min(low, u[0] + drive[0] - top - 2)
            high = max(high, u[1] + drive[1] + 1)
        elif isinstance(op, Select):
            for interval, fraction in (
                (op.hidden_accumulator, op.hidden_fraction_bits),
                (op.score_accumulator, op.score_fraction_bits),
            ):
                assert interval is not None
                low = min(low, interval.low << (f - fraction))
                high = max(high, interval.high << (f - fraction))
        elif isinstance(op, Head):
            assert op.score is not None
            up = f - op.fraction_bits
            score_low, score_high = _hull(score_low, op.score.low << up, op.score.high << up)
            # one token's sum over the steps is part of the score: its own bound, with 0 in every term
            low, high = min(low, score_low), max(high, score_high)
    return low, high, score_low, score_high


def _accumulator_bits(graph: Graph) -> int:
    """Signed width of a lane's sum."""
    intervals = [interval for op in graph.ops for interval in op.accumulators(graph)]
    return max([2, *(signed_bits(interval.low, interval.high) for interval in intervals)])


def _value_bits(graph: Graph) -> int:
    """Signed width of the broadcast bus: the largest weight, shifted by the highest plane; or a K^T V element."""
    shifted = [int(abs(s.weights.values).max(initial=0)).bit_length() + s.planes for s in _weighted_sums(graph)]
    shifted += [most_code(gains) + graph.values[joined].planes for joined, gains in _gains(graph)]
    elements = [tokens.bit_length() + 1 for tokens in _attended_tokens(graph)]
    return max([2, *shifted, *elements]) + 1


def _weighted_sums(graph: Graph) -> list[WeightedSum]:
    return [weighted for op in graph.ops for weighted in op.weighted_sums(graph)]


def _gains(graph: Graph) -> list[tuple[str, list[int]]]:
    """What shortcuts by a gain join, and the gains of each."""
    convolutions = (op for op in graph.ops if isinstance(op, Conv))
    return [(str(op.joined), op.gain.tolist()) for op in convolutions if op.gain is not None]


def _attended_tokens(graph: Graph) -> list[int]:
    return [graph.values[op.inputs[0]].tokens for op in graph.ops if isinstance(op, Attention)]


def _largest_loop(lowered: Lowered) -> int:
    """Largest count of any descriptor: of its loops, and of the slots that the loader counts to the last tile's end."""
    counts = [
        draft.fields[name]
        for draft in lowered.descriptors
        for name, width in LAYOUTS[draft.kind]
        if width is LOOP and name in draft.fields
    ]
    loads = [draft.fields for draft in lowered.descriptors if draft.kind is Kind.LOAD]
    shape = lowered.shape
    return max(*counts, *(load["tiles"] * (shape.lanes if load["fold"] else shape.tokens) for load in loads))


def _options(lowered: Lowered) -> dict[str, int]:
    """Flags of what some descriptor asks for."""
    return {
        flag: int(any(option.used(draft.fields) for draft in lowered.descriptors if draft.kind is option.kind))
        for flag, option in OPTIONS.items()
    }


def _reads_second(lowered: Lowered) -> bool:
    entries = (
        e for draft in lowered.descriptors for row in draft.outputs for out in row for es in out.lists for e in es
    )
    return any(entry.second for entry in entries)


def measure(lowered: Lowered) -> Structure:
    """Widths and depths for ``lowered``."""
    graph, shape = lowered.graph, lowered.shape
    rom_entries, rows, biggest_list, offset = [0] * shape.walkers, 0, 0, 0
    parameters, neurons = 1, 0
    for draft in lowered.descriptors:
        for group in draft.outputs:
            neurons += 1
            rows += int(not draft.fields["gate"])
            for stream, output in enumerate(group):
                parameters = max(parameters, parameter_bits([output.bias], [output.threshold]))
                for bank, entries in enumerate(output.lists):
                    rom_entries[stream * shape.banks + bank] += len(entries)
                    biggest_list = max(biggest_list, len(entries))
                    offset = max([offset, *(entry.offset for entry in entries)])
        if draft.kind is Kind.MAC and draft.fields["gate"]:
            biggest_list = max(biggest_list, draft.fields["head_rows"])
        if draft.kind is Kind.MAC and draft.fields["gap"] >= 1 << GAP_BITS:
            raise CompilerFault(
                f"{draft.layer}: a sum takes {draft.fields['gap']} cycles, at most {(1 << GAP_BITS) - 1}"
            )
    low, high, score_low, score_high = _membrane_range(lowered)
    head = graph.ops[-1]
    assert isinstance(head, Head)
    image = graph.image
    selected = [draft.fields for draft in lowered.descriptors if draft.kind is Kind.SELECT]
    added = [draft for draft in lowered.descriptors if draft.fields.get("mode") == Mode.RESIDUAL]
    planes = max(
        [1, image.bits]
        + [
            draft.fields[name]
            for draft in lowered.descriptors
            for name in ("planes", "in_planes", "out_planes")
            if name in draft.fields
        ]
    )
    options = _options(lowered)
    result = Structure(
        shape=shape,
        bank_depth=max(2, lowered.bank_depth),
        planes=max(2, planes),
        residual_planes=max([1, *(draft.fields[n] for draft in added for n in ("capture_planes", "out_planes"))]),
        rom_depth=max(2, -(-max(rom_entries) // ROW_ENTRIES)),
        offset_bits=bits_for(offset),
        code_bits=max(
            [2, *(weighted.weights.bits for weighted in _weighted_sums(graph))]
            + [code_bits(gains) for _, gains in _gains(graph)]
        ),
        count_bits=bits_for(biggest_list),
        outputs=max(2, rows),
        value_bits=_value_bits(graph),
        accumulator_bits=_accumulator_bits(graph),
        fraction_bits=lowered.fraction_bits,
        # a leak rounds below the coarsest grid: that many bits there are
        membrane_bits=max(signed_bits(low, high), lowered.fraction_bits if lowered.leaks else 0) + 1,
        score_bits=signed_bits(score_low, score_high),
        score_drop=lowered.fraction_bits - head.fraction_bits,
        parameter_bits=parameters,
        shift_bits=max([5, *(bits_for(draft.fields.get("shift", 0)) for draft in lowered.descriptors)]),
        soft_reset=max(draft.fields.get("soft", 0) for draft in lowered.descriptors),
        strict_compare=max(draft.fields.get("strict", 0) for draft in lowered.descriptors),
        wide_scores=int(head.score is not None and signed_bits(head.score.low, head.score.high) > WORD_BITS),
        **(options | {"leaks": int(lowered.leaks), "second": max(options["second"], int(_reads_second(lowered)))}),
        neurons=max(2, neurons),
        product_bits=max([1, *(tokens.bit_length() for tokens in _attended_tokens(graph))]),
        product_depth=max(2, lowered.product_depth),
        table_depth=max(2, len(lowered.table.taps) + lowered.plan_entries),
        mask_depth=max(2, len(lowered.table.masks) + lowered.plan_entries),
        selector_tokens=max([2, *(fields["tokens"] for fields in selected)]),
        pixel_depth=max(2, prod(image.shape(graph.steps))),
        image_channels=image.channels,
        image_bits=max(2, graph.values["input"].planes),
        loop_bits=bits_for(max(shape.lanes, _largest_loop(lowered))),
        program_depth=2,
        result_depth=max(2, head.weights.codes.shape[0], 3 * len(lowered.descriptors)),
    )
    words = descriptor_words(result) * len(lowered.descriptors)
    return replace(result, program_depth=words)
