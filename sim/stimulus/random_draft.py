"""Shapes of random networks, and their ops and weights before any threshold is set."""

from dataclasses import dataclass, field

import numpy as np

from spikewright.models.package import (
    AddOp,
    AttentionOp,
    Compare,
    ConvOp,
    HeadOp,
    HiddenLayer,
    ImageFormat,
    LinearOp,
    Network,
    NeuronFormat,
    Op,
    Package,
    PoolOp,
    Reset,
    Scheme,
    ScoreLayer,
    SelectOp,
    WeightFormat,
)

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class NetworkSpec:
    """Shape of a random Spikformer (docs/methods.md: four SPS convolutions, rpe, blocks of attention and MLP, head).

    pools: which of the four SPS convolutions are followed by a pool. selectors: (block, tokens kept) before that
    block's attention. sparsity: of every weight tensor; None draws one per layer. weights, reset, compare: None draws
    per layer. leak in sixteenths.
    """

    height: int = 16
    width: int = 16
    channels: int = 1
    steps: int = 4
    dim: int = 64
    heads: int = 4
    depth: int = 2
    mlp_ratio: int = 4
    pools: tuple[bool, bool, bool, bool] = (False, False, True, True)
    selectors: tuple[tuple[int, int], ...] = ()
    classes: int = 10
    sparsity: float | None = None
    weights: WeightFormat | None = None
    reset: Reset | None = Reset.HARD
    compare: Compare | None = Compare.GE
    leak: int = 8
    image_bits: int = 8
    image_signed: bool = True

    @property
    def tokens(self) -> int:
        """Tokens after the SPS."""
        return self.height * self.width >> 2 * sum(self.pools)


@dataclass(eq=False)
class Draft:
    """Ops and tensors under construction; thresholds 1 and biases 0 until tuned."""

    rng: Rng
    spec: NetworkSpec
    ops: list[Op] = field(default_factory=list)
    tensors: dict[str, Array] = field(default_factory=dict)

    def weights(self, name: str, shape: tuple[int, ...]) -> WeightFormat:
        rng, form = self.rng, self.spec.weights
        if form is None:
            scheme = Scheme.POT if rng.random() < 0.5 else Scheme.UNIFORM
            form = WeightFormat(scheme=scheme, bits=int(rng.integers(3, 5) if scheme == "pot" else rng.integers(2, 6)))
        fan_in = int(np.prod(shape[1:]))
        sparsity = self.spec.sparsity
        if sparsity is None:  # with a few non-zeros left in most rows
            sparsity = max(0.0, min(float(rng.choice([0.0, 0.5, 0.8, 0.9])), 1 - 6 / fan_in))
        magnitude = 1 + np.minimum(rng.geometric(0.45, size=shape) - 1, form.max_code - 1)
        codes = np.where(rng.random(shape) < 0.5, -1, 1) * magnitude * (rng.random(shape) >= sparsity)
        if len(codes) > 3:
            codes[rng.random(len(codes)) < 0.04] = 0  # whole rows
        self.tensors[f"{name}.codes"] = codes.astype(np.int8)
        self.tensors[f"{name}.scale"] = rng.uniform(0.01, 0.1, size=shape[0]).astype(np.float32)
        return form

    def neuron(self, name: str, channels: int, fraction_bits: int) -> NeuronFormat:
        spec, rng = self.spec, self.rng
        self.tensors[f"{name}.threshold"] = np.ones(channels, dtype=np.int32)
        self.tensors[f"{name}.bias"] = np.zeros(channels, dtype=np.int32)
        return NeuronFormat(
            leak=spec.leak,
            reset=spec.reset or list(Reset)[rng.integers(2)],
            compare=spec.compare or list(Compare)[rng.integers(2)],
            fraction_bits=fraction_bits,
        )

    def layer(self, kind: type[ConvOp] | type[LinearOp], name: str, source: str, out: int, inputs: int) -> str:
        shape = (out, inputs, 3, 3) if kind is ConvOp else (out, inputs)
        form = self.weights(name, shape)
        neuron = self.neuron(name, out, int(self.rng.integers(0, 7)))
        self.ops.append(kind(name=name, input=source, channels=out, weights=form, neuron=neuron))
        return name

    def put(self, op: Op) -> str:
        self.ops.append(op)
        return op.name

    def selector(self, name: str, source: str, dim: int, keep: int) -> str:
        rng, width = self.rng, max(1, dim // 2)
        hidden, score = self.weights(f"{name}.hidden", (width, dim)), self.weights(f"{name}.score", (1, width))
        self.tensors[f"{name}.hidden.bias"] = rng.integers(-8, 9, size=width).astype(np.int32)
        self.tensors[f"{name}.score.bias"] = rng.integers(-8, 9, size=1).astype(np.int32)
        layer = HiddenLayer(channels=width, weights=hidden, fraction_bits=int(rng.integers(0, 6)), shift=0)
        final = ScoreLayer(weights=score, fraction_bits=int(rng.integers(0, 6)))
        return self.put(SelectOp(name=name, input=source, keep=keep, hidden=layer, score=final))


def draft_package(rng: Rng, spec: NetworkSpec, name: str) -> Package:
    """Ops and tensors of that shape, with thresholds 1 and biases 0 at the neurons."""
    image = ImageFormat(
        height=spec.height,
        width=spec.width,
        channels=spec.channels,
        bits=spec.image_bits,
        signed=spec.image_signed,
    )
    draft, dim = Draft(rng, spec), spec.dim
    draft.tensors["input.table"] = code_table(rng, image)
    layer, x, channels = draft.layer, "input", spec.channels
    for i, pooled in enumerate(spec.pools):
        out = max(1, dim >> 3 - i)
        x, channels = layer(ConvOp, f"sps{i}", x, out, channels), out
        if pooled:
            x = draft.put(PoolOp(name=f"sps{i}.pool", input=x))
    x = draft.put(AddOp(name="embed", inputs=(x, layer(ConvOp, "rpe", x, dim, dim))))
    for i in range(spec.depth):
        block = f"block{i}"
        if i in dict(spec.selectors):
            x = draft.selector(f"{block}.select", x, dim, dict(spec.selectors)[i])
        q, k, v = (layer(LinearOp, f"{block}.{part}", x, dim, dim) for part in "qkv")
        neuron = draft.neuron(f"{block}.attention", dim, int(rng.integers(0, 3)))
        a = AttentionOp(name=f"{block}.attention", query=q, key=k, value=v, heads=spec.heads, neuron=neuron)
        proj = layer(LinearOp, f"{block}.proj", draft.put(a), dim, dim)
        x = draft.put(AddOp(name=f"{block}.add1", inputs=(x, proj)))
        fc1 = layer(LinearOp, f"{block}.fc1", x, dim * spec.mlp_ratio, dim)
        fc2 = layer(LinearOp, f"{block}.fc2", fc1, dim, dim * spec.mlp_ratio)
        x = draft.put(AddOp(name=f"{block}.add2", inputs=(x, fc2)))
    form = draft.weights("head", (spec.classes, dim))
    draft.tensors["head.bias"] = rng.integers(-50, 51, size=spec.classes).astype(np.int32)
    fraction_bits = int(rng.integers(0, 6))
    draft.put(HeadOp(name="head", input=x, channels=spec.classes, weights=form, fraction_bits=fraction_bits))
    network = Network(name=name, steps=spec.steps, input=image, ops=tuple(draft.ops), output="head")
    return Package(network, draft.tensors)


def code_table(rng: Rng, image: ImageFormat) -> Array:
    """A normalisation per channel: (byte - mean) * gain, or byte * gain where codes have no sign."""
    low, high = image.code_range
    rows = []
    for _ in range(image.channels):
        mean = rng.uniform(60, 140) if image.signed else 0.0
        gain = rng.uniform(0.7, 1.2) * (high - low) / 255
        rows.append(np.clip(np.round((np.arange(256) - mean) * gain), low, high))
    return np.array(rows, dtype=np.int16)
