"""What a comparison found, counted into a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from spikewright.boards.registry import family_of
from spikewright.boards.schema import Board
from spikewright.compiler.fit import lut_by_unit
from spikewright.compiler.target.structure import Structure
from spikewright.flow.breakdown import measured
from spikewright.flow.build_folder import BuildFolder, updating
from spikewright.flow.figures import (
    AccuracyFigures,
    AnswerFigures,
    BreakdownFigures,
    CandidateFigures,
    CompressionFigures,
    CycleFigures,
    FirstMismatch,
    LayerFigures,
    MemoryFigures,
    NeedFigures,
    OpFigures,
    RateFigures,
    RomFigures,
    ShapeFigures,
    StoredValue,
    SynthesisFigures,
    TokenFigures,
    UtilisationFigures,
    WeightFigures,
)
from spikewright.flow.json_files import read_json
from spikewright.flow.report import SYNTHESIS, Report, read_report
from spikewright.flow.weights import count_weights
from spikewright.models.package import Package, shapes, weight_formats
from spikewright.sim.accelerator.compare import Comparison
from spikewright.sim.accelerator.utilisation import SpikeWork

Array = np.ndarray
#: Of a layer, what its descriptors add up to.
_COUNTED = ("cycles", "predicted", "pairs", "issued", "skipped")


def build_report(
    build: BuildFolder, comparison: Comparison, labels: Array | None, fired: Mapping[str, float]
) -> Report:
    """The report of a comparison.

    labels: of the test images compared, or None where they are not from a data set; fired: by layer, the share of its
    spikes that are 1.
    """
    cycles = _cycles(build, comparison)
    first = comparison.first
    return Report(
        network=build.package.network.name,
        bit_exact=comparison.bit_exact,
        images=comparison.images,
        steps=build.package.network.steps,
        values_compared=comparison.values,
        mismatches=comparison.mismatches,
        mismatched_layers=dict(comparison.layers),
        first_mismatch=FirstMismatch(**asdict(first)) if first else None,
        silent_layers=list(comparison.silent or ()),
        accuracy=_accuracy(build.package, comparison, labels),
        weights=_weights(build),
        layers=_layers(build.package, fired),
        tokens=_tokens(build.package),
        cycles=cycles,
        utilisation=_utilisation(build, comparison.work, cycles.per_image),
        board=build.board.name,
        rate=_rate(build, cycles.per_image),
        structure=_shape(build.structure),
        memory=_memory(build),
        choice=build.program["choice"]["reason"],
        candidates=[CandidateFigures(**candidate) for candidate in build.program["choice"]["candidates"]],
        needs=_needs(build),
        build=build.manifest_hash[:16],
        synthesis=_synthesis(read_json(build.path / SYNTHESIS), cycles.per_image),
    )


def add_synthesis(build: BuildFolder) -> None:
    """Put the placed design into the report, where there is one."""
    with updating(build):
        report = read_report(build.path)
        if report is not None:
            synthesis = _synthesis(read_json(build.path / SYNTHESIS), report.cycles.per_image)
            report.model_copy(update={"synthesis": synthesis}).write(build.path)


def _accuracy(package: Package, comparison: Comparison, labels: Array | None) -> AccuracyFigures:
    def right(answers: Array | None) -> AnswerFigures | None:
        if labels is None or answers is None or len(answers) < comparison.images:
            return None
        correct = int((answers[: comparison.images] == labels[: comparison.images]).sum())
        return AnswerFigures(correct=correct, count=comparison.images, share=round(correct / comparison.images, 6))

    record = package.tensors
    return AccuracyFigures(
        float=right(record.get("record.float")),
        quantised=right(record.get("record.quantised")),
        golden=right(np.array(comparison.golden)),
        rtl=right(np.array(comparison.rtl)),
    )


def _weights(build: BuildFolder) -> WeightFigures:
    package = build.package
    count = count_weights(package)
    total, kept = count.total, count.kept
    schemes: dict[str, int] = {}
    for name, form in weight_formats(package.network).items():
        schemes[form.scheme.value] = schemes.get(form.scheme.value, 0) + package.tensors[name].size
    rom: dict[str, int] = build.program["rom_bits"]
    stored = sum(rom.values())
    return WeightFigures(
        total=total,
        kept=kept,
        sparsity=round(1 - kept / total, 6),
        average_bits=round(count.average_bits, 4),
        average_bits_kept=round(count.average_bits_kept, 4),
        compression=CompressionFigures(
            bits=round(32 / count.average_bits, 3),
            weights=round(total / max(1, kept), 3),
            stored=round(32 * total / stored, 3),
        ),
        schemes=schemes,
        rom_bits=RomFigures(**rom, total=stored),
        stored_bits_per_weight=round(stored / max(1, kept), 3),
    )


def _layers(package: Package, fired: Mapping[str, float]) -> dict[str, OpFigures]:
    formats, value_shapes = weight_formats(package.network), shapes(package.network)
    rows: dict[str, OpFigures] = {}
    for op in package.network.ops:
        shape = None if op.kind == "head" else value_shapes[op.name]
        for part in ("", ".hidden", ".score") if op.kind == "select" else ("",):
            name = f"{op.name}{part}"
            own = [f"{name}{end}.codes" for end in ("", ".shortcut") if f"{name}{end}.codes" in formats]
            count = count_weights(package, own) if own else None
            rows[name] = OpFigures(
                kind=op.kind,
                tokens=None if shape is None else shape.tokens,
                channels=None if shape is None else shape.channels,
                weights=count.total if count else 0,
                kept=count.kept if count else 0,
                kept_share=round(count.kept / count.total, 6) if count else None,
                scheme=formats[own[0]].scheme.value if own else None,
                bits=formats[own[0]].bits if own else None,
                fired=round(fired[name], 6) if name in fired else None,
            )
    return rows


def _tokens(package: Package) -> TokenFigures:
    value_shapes = shapes(package.network)
    selectors = [op for op in package.network.ops if op.kind == "select"]
    last = package.network.ops[-1]
    first = value_shapes[selectors[0].input] if selectors else value_shapes[last.reads[0]]
    return TokenFigures(initial=first.tokens, kept=[op.keep for op in selectors])


def _cycles(build: BuildFolder, comparison: Comparison) -> CycleFigures:
    """Means over the images compared: predicted with skipping off, measured, and where they go."""
    descriptors = [descriptor for descriptor in build.program["descriptors"] if descriptor["kind"] != "END"]
    shape = build.structure.shape
    means = comparison.counters / max(1, comparison.images)
    total = dict.fromkeys(BreakdownFigures.model_fields, 0.0)
    layers: dict[str, dict[str, Any]] = {}
    breakdowns: dict[str, dict[str, float]] = {}
    for descriptor, (cycles, issued, skipped) in zip(descriptors, means.tolist(), strict=True):
        row = layers.setdefault(descriptor["layer"], dict.fromkeys(_COUNTED, 0))
        where = breakdowns.setdefault(descriptor["layer"], dict.fromkeys(BreakdownFigures.model_fields, 0.0))
        row["cycles"] += cycles
        row["predicted"] += descriptor["cycles"]
        row["pairs"] += descriptor["pairs"]
        row["issued"] += issued
        row["skipped"] += skipped
        parts = measured(descriptor["breakdown"], cycles, issued, descriptor["pairs"], shape.walkers)
        for category, value in parts.items():
            total[category] += value
            where[category] += value
    per_image = round(float(means[:, 0].sum()), 3)
    rounded = {name: round(value, 3) for name, value in total.items()}
    rounded["skipped"] = round(rounded["skipped"] + per_image - sum(rounded.values()), 3)
    predicted = sum(descriptor["cycles"] for descriptor in descriptors)
    return CycleFigures(
        per_image=per_image,
        predicted=predicted,
        skipping=shape.skip,
        gain=round(predicted / per_image, 4) if per_image else None,
        layers={
            name: LayerFigures(
                **{key: round(value, 3) for key, value in row.items()},
                share=round(row["cycles"] / per_image, 6) if per_image else 0.0,
                skipped_share=round(row["skipped"] / row["pairs"], 6) if row["pairs"] else None,
                breakdown=BreakdownFigures(**{key: round(value, 3) for key, value in breakdowns[name].items()}),
            )
            for name, row in layers.items()
        },
        breakdown=BreakdownFigures(**rounded),
    )


def _memory(build: BuildFolder) -> MemoryFigures:
    """Spike memory over the descriptors; END, which does nothing, counts as none."""
    layers: dict[str, int] = {}
    descriptors = [descriptor for descriptor in build.program["descriptors"] if descriptor["kind"] != "END"]
    for descriptor in descriptors:
        layers.setdefault(descriptor["layer"], descriptor["number"])
    values = [
        StoredValue(
            name=row["value"],
            base=row["base"],
            words=row["words"],
            planes=row["planes"],
            first=row["first"],
            last=min(row["last"], len(descriptors) - 1),
        )
        for row in build.program["memory_map"]
    ]
    return MemoryFigures(
        depth=build.structure.bank_depth,
        banks=build.structure.shape.banks,
        descriptors=len(descriptors),
        layers=layers,
        values=values,
    )


def _needs(build: BuildFolder) -> NeedFigures | None:
    """What the structure takes of the board; None without a board."""
    needs, board = build.program["needs"], build.board
    if needs is None or not isinstance(board, Board):
        return None
    units = lut_by_unit(build.structure, family_of(board).lut_model)
    return NeedFigures(
        lut=needs["lut"],
        lut_available=board.resources.lut,
        lut_units={unit: round(lut) for unit, lut in units.items()},
        blocks=sum(needs["block_ram"].values()),
        blocks_available=board.resources.block_ram.count,
        block_ram=needs["block_ram"],
    )


def _utilisation(build: BuildFolder, work: SpikeWork | None, per_image: float) -> UtilisationFigures | None:
    if work is None or not work.images or not per_image:
        return None
    slots = build.structure.shape.slot_lanes * per_image
    return UtilisationFigures(
        dense=round(work.dense / slots, 4),
        weight_sparse=round(work.weight_sparse / slots, 4),
        dual_sparse=round(work.dual_sparse / work.images / slots, 4),
    )


def _rate(build: BuildFolder, per_image: float) -> RateFigures | None:
    if not isinstance(build.board, Board):
        return None
    clock = build.board.clock_mhz
    return RateFigures(clock_mhz=clock, images_per_second=round(clock * 1e6 / per_image, 1) if per_image else None)


def _shape(structure: Structure) -> ShapeFigures:
    fields = structure.to_dict()
    shape = fields.pop("shape")
    widths = {name: value for name, value in fields.items() if name.endswith(("_bits", "planes"))}
    depths = {name: value for name, value in fields.items() if name not in widths}
    return ShapeFigures(lanes=structure.shape.lanes, **shape, widths=widths, depths=depths)


def _synthesis(placed: Mapping[str, Any], per_image: float) -> SynthesisFigures | None:
    """A placed design with the images a second it means."""
    if not placed:
        return None
    rate = placed["fmax_mhz"] * 1e6 / per_image
    return SynthesisFigures(
        **placed,
        images_per_second=round(rate, 1),
        images_per_second_per_klut=round(rate / placed["lut"]["used"] * 1000, 2),
    )
