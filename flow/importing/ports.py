"""From a file to a float port: which reader, which settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from spikewright.compress.checkpoint.containers import read_checkpoint
from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.families import SPIKFORMERS, recognise
from spikewright.compress.checkpoint.nir_file import read_nir
from spikewright.compress.checkpoint.nir_network import build_network
from spikewright.compress.checkpoint.settings import FoundSettings, channel_numbers, image_side, whole_number
from spikewright.compress.checkpoint.spikformer import config_of, ported, refuse_bad_numbers, shapes_of
from spikewright.flow.importing.asked import Asked, Port
from spikewright.flow.importing.images import Given, need_size

#: What the published code of each layout has, where weights and arguments are silent: pools and attention scale.
PUBLISHED = dict(
    zip((family.name for family in SPIKFORMERS), (((3, 4), 0.125), ((1, 2, 3, 4), 0.25), ((1, 2, 3, 4), 0.125)),
        strict=True)
)  # fmt: skip


def port(asked: Asked, given: Given) -> Port:
    """The port of a user's file, for images as ``given``; CheckpointError where it cannot be made."""
    return _nir(asked, given) if _is_hdf5(asked.path) else _spikformer(asked, given)


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.suffix == ".nir" or file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from None


def _nir(asked: Asked, given: Given) -> Port:
    graph = read_nir(asked.path)
    if asked.input_shape is not None and len(asked.input_shape) != 3:
        raise CheckpointError("--input-shape must be C,H,W")
    build = partial(
        build_network, graph, steps=asked.steps, dt=asked.dt, reset=asked.reset, compare=asked.compare,
        leak=asked.leak, input_shape=asked.input_shape,
    )  # fmt: skip
    made = build()
    size, settings = made.network.size, FoundSettings({})
    options = ("steps", "dt", "reset", "compare", "leak")
    settings.told.update({name: getattr(asked, name) for name in options if getattr(asked, name) is not None})
    shape = (size.height, size.width, size.channels)
    frames = given.images.ndim == 5
    need_size(given, (size.steps, *shape) if frames else shape, "--calibrate")
    if not given.counts and not frames:
        _normalisation(asked, settings, size.channels)
    notes = [*made.notes]
    notes += [f"{op}: leak {_hull(leak.given)} becomes {_hull(leak.rounded)}" for op, leak in made.rounded.items()]
    return Port(
        build=lambda dtype: build(dtype=dtype).network,
        family="NIR graph",
        why=f"a file of the Neuromorphic Intermediate Representation with {len(graph.nodes)} nodes",
        settings=settings,
        notes=notes,
        where={"nodes": len(graph.nodes), "edges": len(graph.edges)},
        names=made.ops,
    )


def _spikformer(asked: Asked, given: Given) -> Port:
    found = read_checkpoint(asked.path, ema=asked.ema, key=asked.key)
    recognised = recognise(found.state)
    refuse_bad_numbers({name: tensor for name, tensor in found.state.items() if name not in recognised.unused})
    shapes = shapes_of(found.state, recognised)
    settings = FoundSettings(found.told)
    frames = given.images.ndim == 5
    steps = settings.need("steps", asked.steps, whole_number, "a network runs over T timesteps")
    heads = settings.need("heads", asked.heads, whole_number, "attention is cut into heads")
    pools, scale = PUBLISHED[recognised.family.name]
    pools = _told_or_assumed(settings, "pools", asked.pools, pools)
    scale = _told_or_assumed(settings, "scale", asked.scale, scale)
    threshold = _told_or_assumed(settings, "threshold", asked.threshold, 1.0)
    attention_threshold = _told_or_assumed(settings, "attention_threshold", asked.attention_threshold, 0.5)
    if not (threshold > 0 and attention_threshold > 0):
        raise CheckpointError("--threshold and --attention-threshold must be above 0")
    channels, (height, width) = given.images.shape[-1], given.images.shape[-3:-1]
    if channels != shapes.channels:
        raise CheckpointError(
            f"--calibrate: images of {given.name} have {channels} channels; allowed is {shapes.channels}, as the "
            "network reads"
        )
    told_side = image_side(next((found.told[n] for n in ("img_size", "image_size") if n in found.told), None))
    if told_side is not None and {height, width} != {told_side}:
        raise CheckpointError(
            f"--calibrate: images of {given.name} are {height}×{width}; the file's training arguments say {told_side}"
        )
    if frames and given.images.shape[1] != steps:
        raise CheckpointError(
            f"--calibrate: recordings of {given.name} have {given.images.shape[1]} frames; allowed is one a step, "
            f"{steps}"
        )
    if not given.counts and not frames:
        _normalisation(asked, settings, channels)
    config = config_of(shapes, recognised, heads=heads, steps=steps, side=(height, width), pools=pools, scale=scale)
    return Port(
        build=lambda dtype: ported(
            found.state, recognised, config,
            threshold=threshold, attention_threshold=attention_threshold, dtype=dtype,
        ),
        family=recognised.family.name,
        why=recognised.why,
        settings=settings,
        unused=recognised.unused,
        where={"state": found.where, "prefix": found.prefix},
    )  # fmt: skip


def _hull(leaks: np.ndarray) -> str:
    low, high = float(leaks.min()), float(leaks.max())
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _normalisation(asked: Asked, settings: FoundSettings, channels: int) -> None:
    """Mean and std of the images, which must be told."""
    for name, value in (("mean", asked.mean), ("std", asked.std)):
        numbers = settings.need(
            name, value, channel_numbers, "images were normalised in training (0 and 1: pixels as they are)"
        )
        if len(numbers) != channels:
            raise CheckpointError(f"--{name}: {len(numbers)} numbers; allowed are {channels}, one a channel")


def _told_or_assumed(settings: FoundSettings, name: str, value, usual):  # type: ignore[no-untyped-def]
    if value is not None:
        settings.told[name] = value
        return value
    return settings.assume(name, usual)
