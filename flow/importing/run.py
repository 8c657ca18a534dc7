"""The way from a user's file to a package: port, check, calibrate, quantise, compare, write."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_network import changed_spikes
from spikewright.compress.methods.quantise import QuantFormat, candidates
from spikewright.compress.networks.build import layer_names
from spikewright.compress.networks.export import export_network
from spikewright.compress.posttraining.change import Change, measure
from spikewright.compress.posttraining.correct import quantised, reestimate_norms
from spikewright.compress.posttraining.formats import matched, wanted
from spikewright.compress.posttraining.sensitivity import chosen, label, sensitivities
from spikewright.compress.recipe.constraints import FRACTION_LIMIT
from spikewright.compress.recipe.fractions import fitting
from spikewright.cost.storage import mean_bits
from spikewright.flow.importing.asked import Asked, Port
from spikewright.flow.importing.images import Given, given_images, need_size
from spikewright.flow.importing.ports import port
from spikewright.flow.importing.reference import PortCheck, check_port, read_reference, run_source
from spikewright.flow.importing.report import WARNED, Accuracy, ImportReport, LayerRow
from spikewright.models.data import count_table, encode
from spikewright.models.data.normalise import ImageCodes, image_codes
from spikewright.models.graph import SpikingNetwork
from spikewright.models.graph_network import GraphNetwork
from spikewright.models.layers import Conv3
from spikewright.models.package import Package
from spikewright.models.spikformer import Spikformer
from spikewright.phases import Tell, silent
from spikewright.sim.golden import run
from spikewright.sim.witness import assert_same

#: Images of the table of layers, and of the comparison with the golden model.
TABLE = 8
#: Share of clipped pixels from which on it is told.
CLIPPED = 0.01


@dataclass(frozen=True, eq=False)
class Imported:
    """A package, and what is told of it."""

    package: Package
    report: ImportReport


def import_network(asked: Asked, name: str, *, kept: Path | None = None, tell: Tell = silent) -> Imported:
    """Port, check, calibrate, quantise and compare; PlainError where something does not go.

    name: of the network in the package; kept: file of a search's measurements, which goes on where it was stopped.
    """
    tell("read the file")
    made = port(asked)
    given = made.images
    codes = _codes(asked, made)
    checked = _check(asked, made, codes, tell)
    network = made.build(torch.float32)
    _read_codes(network, codes)
    calibration = given.some(asked.images)
    inputs = _inputs(calibration.images, codes)
    if isinstance(network, GraphNetwork):
        made.notes += _leaks(network, inputs)
    if asked.reestimate_norms:
        tell("estimate the norms anew")
        reestimate_norms(network, inputs)
        made.notes.append(f"norms re-estimated on {len(calibration.images)} images")
    formats = _formats(asked, network, inputs, kept, tell)
    tell("quantise")
    whole = quantised(network, formats, inputs, lambda layer: tell("quantise", layer))
    tell("compare layer by layer")
    few = calibration.some(TABLE)
    change = measure(network, whole, _inputs(few.images, codes))
    tell("compare with the golden model")
    size = network.size
    package = export_network(
        whole, codes.table, name=name, steps=size.steps, image=(size.height, size.width, size.channels),
        bits=asked.input_bits, signed=codes.signed, frames=given.frames,
    )  # fmt: skip
    assert_same(whole, package, few.images, _inputs(few.images, codes))
    accuracy = _accuracy(asked, made, network, whole, package, codes, tell)
    report = _report(asked, made, checked, calibration, codes, formats, network, change, accuracy)
    provenance = {"import": report.model_dump(mode="json", by_alias=True, exclude={"layers"})}
    described = package.network.model_copy(update={"provenance": provenance})
    return Imported(Package(described, package.tensors), report)


def _leaks(network: GraphNetwork, inputs: Tensor) -> list[str]:
    """What rounding leaks to sixteenths changes, op by op."""
    return [
        f"{op}: rounding its leaks to sixteenths changes {changed.changed} of {changed.of} spikes"
        for op, changed in changed_spikes(network, inputs).items()
        if changed.changed
    ]


def _normalisation(made: Port) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and std of the images; None of counts."""
    known = made.settings.read | made.settings.told
    return (known["mean"], known["std"]) if "mean" in known else None


def _codes(asked: Asked, made: Port) -> ImageCodes:
    """How bytes of the images become codes."""
    if (normalisation := _normalisation(made)) is None:
        return ImageCodes(count_table(made.images.images.shape[-1], bits=asked.input_bits), 1.0, False)
    mean, std = normalisation
    return image_codes(mean, std, bits=asked.input_bits)


def _read_codes(network: SpikingNetwork, codes: ImageCodes) -> None:
    """Tell what reads the image what one unit of a code is worth."""
    if isinstance(network, GraphNetwork):
        network.scale_image(codes.scale)
    elif isinstance(network, Spikformer):
        cast(Conv3, network.patch_embed.proj_conv).input_scale *= codes.scale


def _inputs(images: np.ndarray, codes: ImageCodes) -> Tensor:
    """Codes ``[B, C, H, W]``; of frames ``[T, B, C, H, W]``."""
    read = torch.from_numpy(encode(images, codes.table)).float()
    return read if read.dim() == 4 else read.transpose(0, 1).contiguous()


def _check(asked: Asked, made: Port, codes: ImageCodes, tell: Tell) -> PortCheck | None:
    frames = made.images.frames
    if asked.reference is not None:
        tell("compare the port with its source")
        given_reference = read_reference(asked.reference)
        named = {made.names.get(name, name): spikes for name, spikes in given_reference.spikes.items()}
        return check_port(made.build, replace(given_reference, spikes=named), frames=frames)
    if asked.source is not None:
        tell("run the source")
        read = _inputs(made.images.some(TABLE).images, codes).double() * codes.scale
        return check_port(made.build, run_source(asked.source, read.transpose(0, 1) if frames else read), frames=frames)
    return None


def _formats(
    asked: Asked, network: SpikingNetwork, inputs: Tensor, kept: Path | None, tell: Tell
) -> dict[str, QuantFormat]:
    """The format of each layer, as told or searched."""
    names, asked_for = layer_names(network), wanted(asked.bits)
    finest = min(network.size.steps + 1, FRACTION_LIMIT)
    if asked_for.average is None:
        return fitting(network, matched(asked_for.patterns, names), finest=finest, input_bits=asked.input_bits)
    tried = [fmt for fmt in candidates() if fmt.bits <= asked.widest]
    by_layer = {
        path: [fitting(network, {path: fmt}, finest=finest, input_bits=asked.input_bits)[path] for fmt in tried]
        for path in names
    }
    measured = sensitivities(
        network, by_layer, inputs[:TABLE] if inputs.dim() == 4 else inputs[:, :TABLE], kept=kept,
        tell=lambda layer, done, count: tell("search formats", f"{layer}, {done} of {count} layers"),
    )  # fmt: skip
    return chosen(network, by_layer, measured, asked_for.average, asked.widest)


def _accuracy(
    asked: Asked,
    made: Port,
    network: SpikingNetwork,
    whole: SpikingNetwork,
    package: Package,
    codes: ImageCodes,
    tell: Tell,
) -> Accuracy | None:
    """Right answers on labelled images: of ``--test``, else of those that calibrated."""
    labelled = made.images.some(asked.images)
    if asked.test is not None:
        labelled = given_images(asked.test, channels=network.size.channels, part="test")
        need_size(labelled, made.images.images.shape[1:], "--test")
        if labelled.labels is None:
            raise CheckpointError(f"--test: {labelled.name} has no labels")
    if labelled.labels is None:
        return None
    exact = copy.deepcopy(whole).double()  # float32 would round sums of whole numbers above 2^24
    right = {"float": 0, "quantised": 0}
    for first in range(0, len(labelled.images), 32):
        tell("count right answers", f"{first} of {len(labelled.images)} images")
        inputs = _inputs(labelled.images[first : first + 32], codes)
        labels = torch.from_numpy(labelled.labels[first : first + 32])
        with torch.no_grad():
            right["float"] += int((network(inputs).argmax(1) == labels).sum())
            right["quantised"] += int((exact(inputs.double()).argmax(1) == labels).sum())
    golden = run(package, labelled.images, keep_values=False).classes
    return Accuracy(
        images=len(labelled.images), source=labelled.name,
        golden=int((golden.numpy() == labelled.labels).sum()), **right,
    )  # fmt: skip


def _report(
    asked: Asked,
    made: Port,
    checked: PortCheck | None,
    calibration: Given,
    codes: ImageCodes,
    formats: dict[str, QuantFormat],
    network: SpikingNetwork,
    change: Change,
    accuracy: Accuracy | None,
) -> ImportReport:
    settings = made.settings
    normalisation = _normalisation(made)
    clipped = 0.0 if normalisation is None else codes.clipped(calibration.images, *normalisation)
    layers = {}
    for name, row in change.layers.items():
        fields: dict[str, Any] = asdict(row)
        scheme, bits = fields.pop("scheme"), fields.pop("bits")
        layers[name] = LayerRow(format=None if scheme is None else f"{scheme} {bits}", **fields)
    sizes = [int(cast(Tensor, network.get_submodule(path).weight).numel()) for path in formats]
    warnings = [] if checked is not None else ["port not checked against its source"]
    if checked is not None and checked.silent:
        warnings.append(f"{', '.join(checked.silent)}: never fire in {checked.source}, which checks nothing of them")
    warnings += [
        f"{name}: alone, {row.alone:.2%} of its spikes change" for name, row in layers.items()
        if row.alone is not None and row.alone > 1 - WARNED
    ]  # fmt: skip
    if clipped > CLIPPED:
        warnings.append(f"the image table clips {clipped:.1%} of the pixels")
    return ImportReport(
        file=asked.path.name, sha256=hashlib.sha256(asked.path.read_bytes()).hexdigest(), family=made.family,
        why=made.why, where=made.where, told=settings.told, read=settings.read, assumed=settings.assumed,
        unused=list(made.unused), notes=made.notes, port=None if checked is None else asdict(checked),
        calibration=f"{len(calibration.images)} of {calibration.name}", clipped=clipped,
        formats={path: label(fmt) for path, fmt in formats.items()},
        average_bits=round(mean_bits(zip(sizes, (fmt.bits for fmt in formats.values()), strict=True)), 4),
        images=change.images, agreement=change.agreement, logits=change.logits, layers=layers, accuracy=accuracy,
        warnings=warnings,
    )  # fmt: skip
