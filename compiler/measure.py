"""Measure: the least structure that holds a lowered network."""

from __future__ import annotations

from spikewright.cost.rom import parameter_bits
from spikewright.cost.shape import signed_bits

from .descriptors import GAP_BITS, LAYOUTS, Kind, Mode, descriptor_words
from .ir import Attention, Conv, Head, Interval, Linear, Select
from .lowered import Lowered, LoweringError
from .structure import WORD_BITS, Structure, bits_for


def _hull(*values: int) -> tuple[int, int]:
    return min(values), max(values)


def _membrane_range(lowered: Lowered) -> tuple[int, int, int, int]:
    """(low, high) of everything the LIF array computes, and of the class scores, on the engine's grid."""
    f = lowered.fraction_bits
    low = high = score_low = score_high = 0
    for op in lowered.graph.ops:
        if isinstance(op, (Conv, Linear, Attention)):
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


def _accumulator_bits(lowered: Lowered) -> int:
    bits = 2
    for op in lowered.graph.ops:
        if isinstance(op, (Conv, Linear, Attention, Head)):
            assert op.accumulator is not None
            bits = max(bits, signed_bits(op.accumulator.low, op.accumulator.high))
        elif isinstance(op, Select):
            interval = lowered.graph.values[op.inputs[0]].interval
            assert interval is not None
            for weights, value in ((op.hidden, interval), (op.score, Interval(0, 255))):
                w = weights.values
                positive, negative = w.clip(min=0).sum(axis=1), w.clip(max=0).sum(axis=1)
                top = positive * value.high + negative * min(value.low, 0)
                bottom = negative * value.high + positive * min(value.low, 0)
                bits = max(bits, signed_bits(int(bottom.min()), int(top.max())))
    return bits


def _value_bits(lowered: Lowered) -> int:
    """Signed width of the broadcast bus: the largest weight, shifted by the highest plane; or a K^T V element."""
    bits = 2
    graph = lowered.graph
    for op in graph.ops:
        planes = graph.values[op.inputs[0]].planes
        if isinstance(op, (Conv, Linear, Head)):
            bits = max(bits, int(abs(op.weights.values).max(initial=0)).bit_length() + planes)
        elif isinstance(op, Select):
            bits = max(bits, int(abs(op.hidden.values).max(initial=0)).bit_length() + planes)
            bits = max(bits, int(abs(op.score.values).max(initial=0)).bit_length() + 8)
        elif isinstance(op, Attention):
            bits = max(bits, graph.values[op.inputs[0]].tokens.bit_length() + 1)
    return bits + 1


def _largest(lowered: Lowered, width_name: str, special: set[str]) -> int:
    """Largest field value whose width is the loop count."""
    sample = 0
    for step in lowered.steps:
        for name, width in LAYOUTS[step.kind]:
            if getattr(width, "__name__", "") == width_name and name in step.fields and name not in special:
                sample = max(sample, step.fields[name])
    return sample


def measure(lowered: Lowered) -> Structure:
    """Widths and depths for ``lowered``; raises ``LoweringError`` where a fixed limit of the engine is passed."""
    graph, shape = lowered.graph, lowered.shape
    walkers = shape.streams * shape.banks
    entries, rows, biggest_list, offset = [0] * walkers, 0, 0, 0
    parameters, neurons = 1, 0
    weights = [op for step in lowered.steps for op in step.outputs]
    for step in lowered.steps:
        for group in step.outputs:
            neurons += 1
            rows += int(not step.fields["gate"])
            for stream, output in enumerate(group):
                parameters = max(parameters, parameter_bits([output.bias], [output.threshold]))
                for bank, items in enumerate(output.lists):
                    entries[stream * shape.banks + bank] += len(items)
                    biggest_list = max(biggest_list, len(items))
                    offset = max([offset, *(entry.offset for entry in items)])
        if step.kind is Kind.MAC and step.fields["gate"]:
            biggest_list = max(biggest_list, step.fields["head_rows"])
        if step.kind is Kind.MAC and step.fields["gap"] >= 1 << GAP_BITS:
            raise LoweringError(f"{step.layer}: a sum takes {step.fields['gap']} cycles, at most {(1 << GAP_BITS) - 1}")
    assert weights
    code_bits = 2
    for op in graph.ops:
        if isinstance(op, (Conv, Linear, Head)):
            code_bits = max(code_bits, op.weights.bits)
        elif isinstance(op, Select):
            code_bits = max(code_bits, op.hidden.bits, op.score.bits)
    low, high, score_low, score_high = _membrane_range(lowered)
    score_bits = signed_bits(score_low, score_high) + 1
    if score_bits > WORD_BITS:
        raise LoweringError(f"class scores need {score_bits} bits, at most {WORD_BITS}")
    image = graph.image
    selected = [step.fields for step in lowered.steps if step.kind is Kind.SELECT]
    head = graph.ops[-1]
    assert isinstance(head, Head)
    residual = [step.fields["out_planes"] for step in lowered.steps if step.fields.get("mode") == Mode.RESIDUAL]
    planes = max(
        [1, image.bits]
        + [
            step.fields[name]
            for step in lowered.steps
            for name in ("planes", "in_planes", "out_planes")
            if name in step.fields
        ]
    )
    result = Structure(
        shape=shape,
        bank_depth=max(2, lowered.bank_depth),
        planes=max(2, planes),
        residual_planes=max([1, *residual]),
        rom_depth=max(2, -(-max(entries) // 2)),
        offset_bits=bits_for(offset),
        code_bits=code_bits,
        count_bits=bits_for(biggest_list),
        outputs=max(2, rows),
        value_bits=_value_bits(lowered),
        accumulator_bits=_accumulator_bits(lowered),
        fraction_bits=lowered.fraction_bits,
        membrane_bits=signed_bits(low, high) + 1,
        score_bits=score_bits,
        parameter_bits=parameters,
        soft_reset=max(step.fields.get("soft", 0) for step in lowered.steps),
        strict_compare=max(step.fields.get("strict", 0) for step in lowered.steps),
        neurons=max(2, neurons),
        product_bits=max(
            [1, *(graph.values[op.inputs[0]].tokens.bit_length() for op in graph.ops if isinstance(op, Attention))]
        ),
        product_depth=max(2, lowered.product_depth),
        table_depth=max(2, len(lowered.table.taps) + lowered.plan_entries),
        mask_depth=max(2, len(lowered.table.masks) + lowered.plan_entries),
        selector_tokens=max([2, *(fields["tokens"] for fields in selected)]),
        pixel_depth=max(2, image.height * image.width * image.channels),
        image_channels=image.channels,
        image_bits=max(2, graph.values["input"].planes),
        loop_bits=bits_for(max(shape.lanes, _largest(lowered, "_loop", set()))),
        program_depth=2,
        result_depth=max(2, head.weights.codes.shape[0], 3 * len(lowered.steps)),
    )
    words = descriptor_words(result) * len(lowered.steps)
    return Structure(**{**{n: getattr(result, n) for n in result.__dataclass_fields__}, "program_depth": words})
