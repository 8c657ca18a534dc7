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
from spikewright.flow.importing.images import Given, given_images, need_size

#: What the published code of each layout has, where weights and arguments are silent: pools and attention scale.
PUBLISHED = dict(
    zip((family.name for family in SPIKFORMERS), (((3, 4), 0.125), ((1, 2, 3, 4), 0.25), ((1, 2, 3, 4), 0.125)),
        strict=True)
)  # fmt: skip


def port(asked: Asked) -> Port:
    """The port of a user's file, and the images that calibrate it; CheckpointError where it cannot be made."""
    return _nir(asked) if _is_hdf5(asked.path) else _spikformer(asked)


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.suffix == ".nir" or file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from None


def _nir(asked: Asked) -> Port:
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
    given = given_images(asked.calibrate, channels=size.channels, part="train")
    shape = (size.height, size.width, size.channels)
    need_size(given, (size.steps, *shape) if given.frames else shape, "--calibrate")
    _normalisation(asked, settings, given)
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
        images=given,
    )


def _spikformer(asked: Asked) -> Port:
    found = read_checkpoint(asked.path, ema=asked.ema, key=asked.key)
    recognised = recognise(found.state)
    refuse_bad_numbers({name: tensor for name, tensor in found.state.items() if name not in recognised.unused})
    shapes = shapes_of(found.state, recognised)
    settings = FoundSettings(found.told)
    given = given_images(asked.calibrate, channels=shapes.channels, part="train")
    steps = settings.need("steps", asked.steps, whole_number, "a network runs over T timesteps")
    heads = settings.need("heads", asked.heads, whole_number, "attention is cut into heads")
    pools, scale = PUBLISHED[recognised.family.name]
    pools = settings.told_or_assumed("pools", asked.pools, pools)
    scale = settings.told_or_assumed("scale", asked.scale, scale)
    threshold = settings.told_or_assumed("threshold", asked.threshold, 1.0)
    attention_threshold = settings.told_or_assumed("attention_threshold", asked.attention_threshold, 0.5)
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
    if given.frames and given.images.shape[1] != steps:
        raise CheckpointError(
            f"--calibrate: recordings of {given.name} have {given.images.shape[1]} frames; allowed is one a step, "
            f"{steps}"
        )
    _normalisation(asked, settings, given)
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
        images=given,
    )  # fmt: skip


def _hull(leaks: np.ndarray) -> str:
    low, high = float(leaks.min()), float(leaks.max())
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _normalisation(asked: Asked, settings: FoundSettings, given: Given) -> None:
    """Mean and std of the images, which must be told; counts of events have none, and frames may be such."""
    told = {
        name: settings.get(name, value, channel_numbers) for name, value in (("mean", asked.mean), ("std", asked.std))
    }
    if given.counts and any(told.values()):
        raise CheckpointError(f"--mean, --std: {given.name} are counts of events, which have no mean and std")
    if given.counts or (given.frames and not any(told.values())):
        settings.assume("pixels", "counts of events")
        return
    why, channels = "images were normalised in training (0 and 1: pixels as they are)", given.images.shape[-1]
    for name in told:
        numbers = settings.need(name, getattr(asked, name), channel_numbers, why)
        if len(numbers) != channels:
            raise CheckpointError(f"--{name}: {len(numbers)} numbers; allowed are {channels}, one a channel")
