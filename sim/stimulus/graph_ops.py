"""How each kind of op is drawn onto a graph: what it reads, its weights, and thresholds at which it fires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd

import numpy as np
import torch

from spikewright.models.package import (
    AddOp,
    AttentionOp,
    ConvOp,
    HeadOp,
    HiddenLayer,
    LinearOp,
    PoolOp,
    ScoreLayer,
    SelectOp,
    weight_values,
)
from spikewright.models.package_schema import ShortcutFormat
from spikewright.sim.golden import sums
from spikewright.sim.golden.exact import linear
from spikewright.sim.stimulus.graph_draft import GraphDraft, Source, pick
from spikewright.sim.stimulus.graph_profile import Liberty, State
from spikewright.sim.stimulus.graph_tuning import extreme_values, tune

_INT32 = (1 << 31) - 1


def draw_conv(draft: GraphDraft, source: Source | None = None, channels: int | None = None) -> Source | None:
    """A convolution of the image or of anything on a grid."""
    grids = [s for s in [draft.sources[0], *draft.readable()] if s.shape.grid is not None]
    if draft.selected is not None:
        grids = [s for s in grids if s.shape.tokens == draft.selected]
    if source is None and not grids:
        return None
    source = source or draft.choose(grids)
    shape = source.shape
    name = draft.name("conv")
    channels = channels or draft.channels(9 * draft.steps * shape.tokens * shape.channels)
    state = draft.state()
    weights = draft.weights(name, (channels, shape.channels, 3, 3), empty=state is State.EMPTY)
    op = ConvOp(name=name, input=source.name, channels=channels, weights=weights, neuron=draft.neuron(),
                shortcut=_shortcut(draft, name, source, channels))  # fmt: skip
    return _spiking(draft, op, state)


def draw_linear(draft: GraphDraft, source: Source | None = None, channels: int | None = None) -> Source | None:
    """A matrix over the channels of anything on token slots."""
    candidates = [s for s in draft.readable() if draft.on_tokens(s)]
    if source is None and not candidates:
        return None
    source = source or draft.choose(candidates)
    shape = source.shape
    name = draft.name("linear")
    channels = channels or draft.channels(draft.steps * shape.tokens * shape.channels)
    state = draft.state()
    weights = draft.weights(name, (channels, shape.channels), empty=state is State.EMPTY)
    return _spiking(
        draft,
        LinearOp(name=name, input=source.name, channels=channels, weights=weights, neuron=draft.neuron()),
        state,
    )


def draw_attention(draft: GraphDraft) -> Source | None:
    """Attention over any spikes: values of other ops, the same one twice or thrice, or linear layers made for it."""
    spikes = [s for s in draft.readable() if s.shape.is_spikes and draft.on_tokens(s)]
    streams = [s for s in draft.readable() if draft.on_tokens(s)]
    if not streams:
        return None
    if not spikes or draft.chance(35):
        stream = draft.choose(streams)
        width = draft.channels(draft.steps * stream.shape.tokens * stream.shape.channels)
        made = [draw_linear(draft, stream, width) for _ in range(1 + int(draft.rng.integers(3)))]
        spikes = [s for s in draft.readable() if s.shape.is_spikes and draft.on_tokens(s)]
        first = next(s for s in made if s is not None)
    else:
        first = draft.choose(spikes)
    fitting = [s for s in spikes if s.shape.tokens == first.shape.tokens and _one_grid(s, first)]
    same = [s for s in fitting if s.shape.channels == first.shape.channels]
    key = draft.choose([s for s in same if _one_grid(s, first)])
    values = fitting if Liberty.VALUE_CHANNELS in draft.liberties else same
    value = draft.choose([s for s in values if _one_grid(s, first) and _one_grid(s, key)])
    if draft.chance(10):
        key = value = first
    common = gcd(first.shape.channels, value.shape.channels)
    heads = [count for count in range(1, 9) if common % count == 0]
    op = AttentionOp(name=draft.name("attention"), query=first.name, key=key.name, value=value.name,
                     heads=heads[int(draft.rng.integers(len(heads)))], neuron=draft.neuron())  # fmt: skip
    state = draft.state()
    return _spiking(draft, op, State.ALIVE if state in (State.EMPTY, State.ALWAYS) else state)


def draw_add(draft: GraphDraft) -> Source | None:
    """Spikes of a conv, pool or linear added to anything of their size: another value, a stream, or themselves."""
    readable = draft.readable()
    branches = [s for s in readable if s.kind in ("conv", "pool", "linear") and s.shape.is_spikes]
    pairs = [(a, b) for b in branches for a in readable if _alike(a, b)]
    if draft.chance(35) or not any(a is not b for a, b in pairs):
        pairs = _residual(draft) or pairs
    if not pairs:
        return None
    apart = [(a, b) for a, b in pairs if a is not b]
    pairs = apart if apart and draft.chance(93) else pairs
    stream = draft.choose(list({id(a): a for a, _ in pairs}.values()))
    branch = draft.choose([b for a, b in pairs if a is stream])
    limited = Liberty.LIMIT in draft.liberties and draft.chance(40)
    limit = (1 << int(draft.rng.integers(1, 4))) - 1 if limited else None
    return draft.put(AddOp(name=draft.name("add"), inputs=(stream.name, branch.name), limit=limit))


def _residual(draft: GraphDraft) -> list[tuple[Source, Source]]:
    """A stream, and a branch of its own for it as residual blocks have, made of the stream or of something else."""
    readable = draft.readable()
    grids = [s for s in readable if s.shape.grid is not None and s.shape.channels <= 48]
    slots = [s for s in readable if draft.on_tokens(s)]
    on_grid = bool(grids) and (not slots or draft.chance(45))
    streams = grids if on_grid else slots
    if not streams:
        return []
    stream = draft.choose(streams)
    source = draft.choose(streams) if draft.chance(15) else stream
    branch = (draw_conv if on_grid else draw_linear)(draft, source, stream.shape.channels)
    return [(stream, branch)] if branch is not None and _alike(stream, branch) else []


def draw_pool(draft: GraphDraft, source: Source | None = None) -> Source | None:
    """A pool of spikes on an even grid."""
    candidates = [s for s in draft.readable() if s.shape.is_spikes and s.shape.grid is not None]
    candidates = [s for s in candidates if s.shape.grid and not (s.shape.grid[0] % 2 or s.shape.grid[1] % 2)]
    if Liberty.FINE_GRID not in draft.liberties:
        candidates = [s for s in candidates if s.shape.grid != draft.base]
    if source is None and not candidates:
        return None
    source = source or draft.choose(candidates)
    counting = Liberty.COUNT in draft.liberties and draft.chance(50)
    return draft.put(PoolOp(name=draft.name("pool"), input=source.name, function="count" if counting else "or"))


def draw_select(draft: GraphDraft) -> Source | None:
    """A selector of anything on token slots; it may keep all tokens, or one."""
    candidates = [s for s in draft.readable() if draft.on_tokens(s)]
    if not candidates:
        return None
    source, rng = draft.choose(candidates), draft.rng
    tokens, name = source.shape.tokens, draft.name("select")
    keep = {0: tokens, 1: 1}.get(int(rng.integers(8)), int(rng.integers(1, tokens + 1)))
    width = int(rng.integers(1, 1 + max(1, min(16, source.shape.channels))))
    first = draft.weights(f"{name}.hidden", (width, source.shape.channels))
    score = draft.weights(f"{name}.score", (1, width))
    draft.scale(f"{name}.hidden", width)
    draft.scale(f"{name}.score", 1)
    far = _INT32 if Liberty.EXTREME_SCORES in draft.liberties and draft.chance(30) else 9
    draft.tensors[f"{name}.hidden.bias"] = rng.integers(-far, far, size=width).astype(np.int32)
    draft.tensors[f"{name}.score.bias"] = rng.integers(-far, far, size=1).astype(np.int32)
    bits = [int(rng.integers(min(6, draft.finest) + 1)) for _ in range(2)]
    hidden = HiddenLayer(channels=width, weights=first, fraction_bits=bits[0], shift=0)
    op = SelectOp(name=name, input=source.name, keep=keep, hidden=hidden,
                  score=ScoreLayer(weights=score, fraction_bits=bits[1]))  # fmt: skip
    return draft.put(op.model_copy(update={"hidden": hidden.model_copy(update={"shift": _shift(draft, op, source)})}))


def draw_head(draft: GraphDraft) -> HeadOp:
    """The head, which reads something new rather than old."""
    source, rng = draft.choose([s for s in draft.readable() if draft.on_tokens(s)]), draft.rng
    classes = int(rng.integers(1, 12))
    weights = draft.weights("head", (classes, source.shape.channels))
    draft.scale("head", classes)
    far = _INT32 if Liberty.EXTREME_SCORES in draft.liberties and draft.chance(30) else 60
    draft.tensors["head.bias"] = rng.integers(-far, far + 1, size=classes).astype(np.int32)
    fraction_bits = int(rng.integers(min(6, draft.finest) + 1))
    return HeadOp(name="head", input=source.name, channels=classes, weights=weights, fraction_bits=fraction_bits)


#: Kind → how often it is tried, of the ops behind the first layers; how it is drawn.
DRAWN: Mapping[str, tuple[int, Callable[[GraphDraft], Source | None]]] = {
    "conv": (20, draw_conv),
    "pool": (9, draw_pool),
    "add": (26, draw_add),
    "linear": (20, draw_linear),
    "attention": (16, draw_attention),
    "select": (9, draw_select),
}


def _spiking(draft: GraphDraft, op: ConvOp | LinearOp | AttentionOp, state: State) -> Source:
    """Add a layer whose weights are there, its neurons tuned."""
    biased = not isinstance(op, AttentionOp)
    if biased:
        draft.scale(op.name, len(draft.tensors[f"{op.name}.codes"]))
    a = sums(draft.drafted(op), op, {s.name: s.values for s in draft.sources})
    tuned = tune(draft.rng, a, op.neuron, draft.steps, state, biased=biased)
    if state is State.ALIVE and draft.chance(4):
        tuned = extreme_values(draft.rng, tuned, a, op.neuron, draft.steps, biased=biased)
    draft.tensors |= {f"{op.name}.threshold": tuned.threshold, f"{op.name}.bias": tuned.bias}
    if tuned.leak is not None:
        draft.tensors[f"{op.name}.leak"] = tuned.leak
    return draft.put(op, tuned.spikes)


#: Greatest gain of a shortcut, and how often; with 0 none of its channels is joined.
_GAINS = {9: 8, 0: 1, 1 << 20: 1}


def _shortcut(draft: GraphDraft, name: str, source: Source, channels: int) -> ShortcutFormat | None:
    if Liberty.SHORTCUT not in draft.liberties or not draft.chance(40):
        return None
    if source is not draft.sources[0] and draft.on_tokens(source) and draft.chance(30):
        draw_linear(draft, source)  # a value without a grid
    readable = [draft.sources[0], *draft.readable()]
    candidates = [s for s in readable if s.shape.tokens == source.shape.tokens and _one_grid(s, source)]
    unlike = [s for s in candidates if s.shape.grid is None or s is draft.sources[0]]
    candidates = unlike if unlike and draft.chance(40) else candidates
    gains = [s for s in candidates if s.shape.channels == channels]
    if gains and draft.chance(50):
        most = pick(draft.rng, _GAINS)
        draft.tensors[f"{name}.shortcut.gain"] = draft.rng.integers(-most, most + 1, size=channels).astype(np.int32)
        return ShortcutFormat(input=draft.choose(gains).name, through="gain")
    if not candidates:
        return None
    chosen = draft.choose(candidates)
    form = draft.weights(f"{name}.shortcut", (channels, chosen.shape.channels))
    if draft.chance(10):  # pruned whole
        draft.tensors[f"{name}.shortcut.codes"][:] = 0
    return ShortcutFormat(input=chosen.name, through="matrix", weights=form)


def _shift(draft: GraphDraft, op: SelectOp, source: Source) -> int:
    """A shift at which the hidden sums fill their eight bits, or one or two beside it."""
    values = weight_values(draft.tensors[f"{op.name}.hidden.codes"], op.hidden.weights)
    activations = linear(source.values, torch.from_numpy(values))
    largest = int(activations.sum(dim=1).clamp(min=0).max()) << op.hidden.fraction_bits
    return int(np.clip(largest.bit_length() - 8 + draft.rng.integers(-2, 2), 0, 31))


def _alike(a: Source, b: Source) -> bool:
    return (a.shape.tokens, a.shape.channels) == (b.shape.tokens, b.shape.channels) and _one_grid(a, b)


def _one_grid(a: Source, b: Source) -> bool:
    return len({a.shape.grid, b.shape.grid} - {None}) < 2
