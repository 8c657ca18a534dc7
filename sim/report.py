"""report.json: the truth about a BUILD; every table is drawn from it. It holds no times: those are in timing.json."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.compiler.structure import Structure
from spikewright.models.package import Package, shapes
from spikewright.sim.breakdown import CATEGORIES, measured
from spikewright.sim.build_folder import BuildFolder
from spikewright.sim.compare import Comparison
from spikewright.sim.utilisation import SpikeWork

REPORT, TIMING, SYNTHESIS = "report.json", "timing.json", "synthesis.json"

Array = np.ndarray


def build_report(build: BuildFolder, found: Comparison, labels: Array | None) -> dict[str, Any]:
    """The report of a comparison. labels: of the test images compared, or None where they are not from a data set."""
    cycles = cycle_report(build, found)
    report: dict[str, Any] = {
        "bit_exact": found.bit_exact,
        "images": found.images,
        "values_compared": found.values,
        "mismatches": found.mismatches,
        "mismatched_layers": dict(found.layers),
        "first_mismatch": asdict(found.first) if found.first else None,
        "accuracy": accuracy_report(build.package, found, labels),
        "weights": weights_report(build),
        "tokens": tokens_report(build.package),
        "cycles": cycles,
        "utilisation": utilisation_report(build, found.work, cycles["per_image"]),
        "board": build.board.name,
        "rate": rate_report(build, cycles["per_image"]),
        "structure": structure_report(build.structure),
        "choice": build.program["choice"]["reason"],
        "needs": build.program["needs"],
        "build": build.manifest_hash[:16],
    }
    synthesis = read_json(build.path / SYNTHESIS)
    return report | ({"synthesis": with_rates(synthesis, cycles["per_image"])} if synthesis else {})


def accuracy_report(package: Package, found: Comparison, labels: Array | None) -> dict[str, Any]:
    """Correct answers of every rung over the same images; None where there is no label or no record."""
    rungs: dict[str, Any] = {}
    for rung, answers in (
        ("float", package.tensors.get("record.float")),
        ("quantised", package.tensors.get("record.quantised")),
        ("golden", np.array(found.golden)),
        ("rtl", np.array(found.rtl)),
    ):
        if labels is None or answers is None or len(answers) < found.images:
            rungs[rung] = None
            continue
        correct = int((np.asarray(answers)[: found.images] == labels[: found.images]).sum())
        rungs[rung] = {"correct": correct, "count": found.images}
    return rungs


def weights_report(build: BuildFolder) -> dict[str, Any]:
    """Weights of all layers, selectors included; bits as stored in the package and in the ROMs."""
    package = build.package
    tensors = package.tensors
    total = kept = bits = bits_kept = 0
    schemes: dict[str, int] = {}
    for name, scheme, width in weight_tensors(package):
        codes = tensors[name]
        used = int(np.count_nonzero(codes))
        total, kept = total + codes.size, kept + used
        bits, bits_kept = bits + codes.size * width, bits_kept + used * width
        schemes[scheme] = schemes.get(scheme, 0) + codes.size
    rom: dict[str, int] = build.program["rom_bits"]
    stored = sum(rom.values())
    average = bits / total
    return {
        "total": total,
        "kept": kept,
        "sparsity": round(1 - kept / total, 6),
        "average_bits": round(average, 4),
        "average_bits_kept": round(bits_kept / max(1, kept), 4),
        "compression": {
            "bits": round(32 / average, 3),
            "weights": round(total / max(1, kept), 3),
            "stored": round(32 * total / stored, 3),
        },
        "schemes": schemes,
        "rom_bits": rom | {"total": stored},
        "stored_bits_per_weight": round(stored / max(1, kept), 3),
    }


def weight_tensors(package: Package) -> list[tuple[str, str, int]]:
    """(tensor, scheme, bits) of every weight tensor."""
    found = []
    for op in package.network.ops:
        if op.kind == "select":
            found += [
                (f"{op.name}.{part}.codes", str(form.weights.scheme.value), form.weights.bits)
                for part, form in (("hidden", op.hidden), ("score", op.score))
            ]
        elif op.kind in ("conv", "linear", "head"):
            found.append((f"{op.name}.codes", str(op.weights.scheme.value), op.weights.bits))
    return found


def tokens_report(package: Package) -> dict[str, Any]:
    """Tokens before the first selector, and those each selector keeps."""
    sizes = shapes(package.network)
    selectors = [op for op in package.network.ops if op.kind == "select"]
    last = package.network.ops[-1]
    first = sizes[selectors[0].input] if selectors else sizes[last.reads[0]]
    return {"initial": first.tokens, "kept": [op.keep for op in selectors]}


def cycle_report(build: BuildFolder, found: Comparison) -> dict[str, Any]:
    """Cycles of an image (mean over the images compared): predicted with skipping off, measured, and where they go."""
    steps = [step for step in build.program["descriptors"] if step["kind"] != "END"]
    shape = build.structure.shape
    walkers = shape.streams * shape.banks
    means = found.counters / max(1, found.images)
    total = dict.fromkeys(CATEGORIES, 0.0)
    layers: dict[str, dict[str, Any]] = {}
    for step, (cycles, issued, skipped) in zip(steps, means.tolist(), strict=True):
        row = layers.setdefault(
            step["layer"], {"cycles": 0.0, "predicted": 0, "pairs": 0, "issued": 0.0, "skipped": 0.0}
        )
        row["cycles"] += cycles
        row["predicted"] += step["cycles"]
        row["pairs"] += step["pairs"]
        row["issued"] += issued
        row["skipped"] += skipped
        for category, value in measured(step["breakdown"], cycles, issued, step["pairs"], walkers).items():
            total[category] += value
    per_image = round(float(means[:, 0].sum()), 3)
    rounded = {name: round(value, 3) for name, value in total.items()}
    rounded["skipped"] = round(rounded["skipped"] + per_image - sum(rounded.values()), 3)
    predicted = sum(step["cycles"] for step in steps)
    return {
        "per_image": per_image,
        "predicted": predicted,
        "skipping": shape.skip,
        "gain": round(predicted / per_image, 4) if per_image else None,
        "layers": {
            name: {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
            for name, row in layers.items()
        },
        "breakdown": rounded,
    }


def utilisation_report(build: BuildFolder, work: SpikeWork | None, per_image: float) -> dict[str, float] | None:
    """Additions that had to be done, by three counts, over slot-lanes x cycles."""
    if work is None or not work.images or not per_image:
        return None
    slots = build.structure.shape.slot_lanes * per_image
    return {
        "dense": round(work.dense / slots, 4),
        "weight_sparse": round(work.weight_sparse / slots, 4),
        "dual_sparse": round(work.dual_sparse / work.images / slots, 4),
    }


def rate_report(build: BuildFolder, per_image: float) -> dict[str, Any]:
    """What the board would do at its clock."""
    clock = build.board.clock_mhz
    return {"clock_mhz": clock, "images_per_second": round(clock * 1e6 / per_image, 1) if per_image else None}


def structure_report(structure: Structure) -> dict[str, Any]:
    """Shape, widths and depths of the accelerator."""
    fields = structure.to_dict()
    shape = fields.pop("shape")
    assert isinstance(shape, dict)
    widths = {name: value for name, value in fields.items() if name.endswith(("_bits", "planes"))}
    return {
        "lanes": structure.shape.lanes,
        **shape,
        "widths": widths,
        "depths": {name: value for name, value in fields.items() if name not in widths},
    }


def with_rates(synthesis: Mapping[str, Any], per_image: float) -> dict[str, Any]:
    """A synthesis result with the images a second it means."""
    rate = synthesis["fmax_mhz"] * 1e6 / per_image
    return dict(synthesis) | {
        "images_per_second": round(rate, 1),
        "images_per_second_per_klut": round(rate / synthesis["lut"]["used"] * 1000, 2),
    }


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        json.dump(data, file, indent=1)
        file.write("\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that this program wrote; empty where there is none."""
    if not path.is_file():
        return {}
    data: dict[str, Any] = json.loads(path.read_text())
    return data


def add_synthesis(build: BuildFolder) -> None:
    """Put the synthesis result into the report, where there is one."""
    report = read_json(build.path / REPORT)
    if report:
        result = with_rates(read_json(build.path / SYNTHESIS), report["cycles"]["per_image"])
        write_json(build.path / REPORT, report | {"synthesis": result})
