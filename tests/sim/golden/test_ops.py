"""Each op of the golden model against plain loops written from docs/package.md, and the run as a whole."""

import numpy as np
import pytest
import torch

from spikewright.models.package import Package, SelectOp
from spikewright.sim import golden
from spikewright.sim.golden import exact
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

RNG = np.random.default_rng(7)
SPEC = NetworkSpec(height=4, width=8, channels=2, steps=3, dim=16, heads=2, depth=1, pools=(False, True, False, False))


def ints(low, high, shape):
    return torch.from_numpy(RNG.integers(low, high + 1, size=shape))


def test_conv():
    x, w, height, width = ints(-128, 127, (1, 2, 15, 2)), ints(-64, 64, (3, 2, 3, 3)), 3, 5
    got = exact.conv(x, w, (height, width))
    for t, y, column, c in np.ndindex(2, height, width, 3):
        want = 0
        for i, dy, dx in np.ndindex(2, 3, 3):
            row, col = y + dy - 1, column + dx - 1
            if 0 <= row < height and 0 <= col < width:
                want += int(w[c, i, dy, dx]) * int(x[0, t, row * width + col, i])
        assert int(got[0, t, y * width + column, c]) == want


def test_pool():
    x, height, width = (ints(0, 9, (1, 1, 24, 2)) == 0).long(), 4, 6
    got = exact.pool(x, (height, width))
    assert got.shape == (1, 1, 6, 2)
    for y, column, c in np.ndindex(2, 3, 2):
        rows = range(max(0, 2 * y - 1), min(height, 2 * y + 2))
        columns = range(max(0, 2 * column - 1), min(width, 2 * column + 2))
        assert int(got[0, 0, y * 3 + column, c]) == max(int(x[0, 0, r * width + k, c]) for r in rows for k in columns)


def test_attention():
    (q, k, v), heads, d = (ints(0, 1, (1, 2, 5, 6)) for _ in range(3)), 2, 3
    got = exact.attention(q, k, v, heads)
    for t, n, h, j in np.ndindex(2, 5, heads, d):
        pairs = ((i, m) for i in range(d) for m in range(5))
        want = sum(int(q[0, t, n, h * d + i] * k[0, t, m, h * d + i] * v[0, t, m, h * d + j]) for i, m in pairs)
        assert int(got[0, t, n, h * d + j]) == want


def test_select_and_head():
    package = random_package(
        2,
        NetworkSpec(
            height=4, width=4, steps=3, dim=16, depth=1, selectors=((0, 2),), pools=(False, False, True, False)
        ),
    )
    trace = golden.run(package, random_images(9, 5, NetworkSpec(height=4, width=4)))
    op, tensors = package.network.op("block0.select"), package.tensors
    assert isinstance(op, SelectOp)
    x = trace.values["embed"].numpy().astype(np.int64)
    w1 = golden.model._weights(package, "block0.select.hidden", op.hidden.weights).numpy()
    w2 = golden.model._weights(package, "block0.select.score", op.score.weights).numpy()
    for b in range(len(x)):
        scores = []
        for n in range(x.shape[2]):
            z = int(tensors["block0.select.score.bias"][0])
            for j in range(op.hidden.channels):
                a = 0
                for t in range(x.shape[1]):
                    a += int(w1[j] @ x[b, t, n]) * 2**op.hidden.fraction_bits
                    a += int(tensors["block0.select.hidden.bias"][j])
                z += int(w2[0, j]) * min(255, max(0, a) >> op.hidden.shift) * 2**op.score.fraction_bits
            scores.append(z)
        kept = sorted(sorted(range(len(scores)), key=lambda n: (-scores[n], n))[:2])
        assert trace.kept["block0.select"][b].tolist() == kept
        np.testing.assert_array_equal(trace.values["block0.select"][b].numpy(), x[b][:, kept])
    head, last = package.network.op("head"), trace.values["block0.add2"].numpy().astype(np.int64)
    weights = golden.model._weights(package, "head", head.weights).numpy()
    bias = tensors["head.bias"].astype(np.int64)
    want = (last.sum((1, 2)) @ weights.T) * 2**head.fraction_bits + last.shape[1] * last.shape[2] * bias
    np.testing.assert_array_equal(trace.scores.numpy(), want)


def test_ties_go_to_the_lower_index():
    package = random_package(
        2, NetworkSpec(height=4, width=4, dim=16, depth=1, selectors=((0, 5),), pools=(False,) * 4)
    )
    zero = {name: np.zeros_like(package.tensors[name]) for name in ("block0.select.score.codes", "head.codes")}
    flat = Package(package.network, {**package.tensors, **zero, "head.bias": np.zeros(10, np.int32)})
    trace = golden.run(flat, random_images(1, 3, NetworkSpec(height=4, width=4)))
    assert trace.kept["block0.select"].tolist() == [[0, 1, 2, 3, 4]] * 3
    assert trace.classes.tolist() == [0, 0, 0]


def test_batches_do_not_matter_and_values_are_narrow():
    package, images = random_package(4, SPEC), random_images(5, 7, SPEC)
    whole, parts = golden.run(package, images), golden.run(package, torch.from_numpy(images), batch=3)
    assert list(whole.values) == list(parts.values) == [op.name for op in package.network.ops[:-1]]
    for name in whole.values:
        assert torch.equal(whole.values[name], parts.values[name])
    assert torch.equal(whole.scores, parts.scores)
    assert whole.values["sps0"].shape == (7, 3, 32, 2)
    assert whole.values["sps0"].dtype == torch.int8
    assert whole.values["embed"].dtype == torch.int32
    assert whole.scores.dtype == torch.int64
    assert golden.run(package, images, keep_values=False).values == {}


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (
            np.zeros((1, 4, 8, 3), np.uint8),
            "torch.uint8 [1, 4, 8, 3] do not fit; allowed is uint8 [B, 4, 8, 2]",
        ),
        (np.zeros((4, 8, 2), np.uint8), "torch.uint8 [4, 8, 2] do not fit; allowed is uint8 [B, 4, 8, 2]"),
        (np.zeros((1, 4, 8, 2)), "torch.float64 [1, 4, 8, 2] do not fit; allowed is uint8 [B, 4, 8, 2]"),
        (np.zeros((0, 4, 8, 2), np.uint8), "there is none; at least one is needed"),
    ],
)
def test_images_that_do_not_fit(images, text):
    with pytest.raises(golden.GoldenError) as caught:
        golden.run(random_package(4, SPEC), images)
    assert str(caught.value) == f"images: {text}"


def test_sums_beyond_float64_are_refused_not_rounded():
    x = torch.full((1, 1, 1, 2), 2**40)
    with pytest.raises(OverflowError, match=r"below 2\*\*53"):
        exact.linear(x, torch.full((1, 2), 2**13))
    assert exact.linear(x, torch.tensor([[2**11, 1]])).item() == 2**51 + 2**40
