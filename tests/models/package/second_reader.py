"""A second reader, written from docs/package.md alone: nothing of Spikewright, no PyTorch, plain whole numbers."""

import json
import struct
from itertools import product
from math import prod


def read(data: bytes):
    """The network, and the tensors as a shape and a flat list of numbers, packed codes unpacked."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    network = json.loads(header.pop("__metadata__")["spikewright"])
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        code = {"I8": "b", "I16": "h", "I32": "i", "F32": "f"}[entry["dtype"]]
        tensors[name] = struct.unpack(f"<{prod(entry['shape'])}{code}", body[begin:end])
    for name in [name.removesuffix(".bits") for name in tensors if name.endswith(".codes.bits")]:
        bits, kept = tensors.pop(f"{name}.bits"), iter(tensors.pop(f"{name}.kept"))
        tensors[name] = [next(kept) if byte >> place & 1 else 0 for byte in bits for place in range(8)]
    return network, tensors


class Reader:
    """A package, to be run on images."""

    def __init__(self, data: bytes) -> None:
        self.network, self.tensors = read(data)
        self.steps = range(self.network["steps"])

    def weights(self, name, form, outputs, inputs):
        """weight[out][in], and for a conv weight[out][in · 9 + tap]; behind packed codes are unused bits."""
        codes = self.tensors[f"{name}.codes"][: outputs * inputs]
        pot = form["scheme"] == "pot"
        values = [0 if not c else (1 if c > 0 else -1) * 2 ** (abs(c) - 1) if pot else c for c in codes]
        return [values[begin : begin + inputs] for begin in range(0, len(values), inputs)]

    def run(self, image):
        """Class scores, and every value [t][n][c]; image: bytes [row][column][channel], or that for each timestep."""
        what = self.network["input"]
        self.values, self.grids = {}, {"input": (what["height"], what["width"])}
        table = self.tensors["input.table"]
        frames = image if what.get("frames", False) else [image] * len(self.steps)
        self.values["input"] = [
            [[table[channel * 256 + byte] for channel, byte in enumerate(pixel)] for row in frame for pixel in row]
            for frame in frames
        ]
        for op in self.network["ops"]:
            result = getattr(self, op["kind"])(op)
            if op["kind"] == "head":
                return result
            self.values[op["name"]] = result
        raise AssertionError

    def neuron(self, op, sums):
        name, form = op["name"], op["neuron"]
        threshold, bias = self.tensors[f"{name}.threshold"], self.tensors[f"{name}.bias"]
        spikes = [[[0] * len(bias) for _ in tokens] for tokens in sums]
        for n, c in product(range(len(sums[0])), range(len(bias))):
            leak = self.tensors[f"{name}.leak"][c] if form["leak"] is None else form["leak"]
            u = 0
            for t in self.steps:
                current = sums[t][n][c] * 2 ** form["fraction_bits"] + bias[c]
                if form["compare"] == "ge":
                    u = leak * u // 16 + current
                    spikes[t][n][c] = int(u >= threshold[c])
                else:
                    u = -(-leak * u // 16) + current
                    spikes[t][n][c] = int(u > threshold[c])
                if spikes[t][n][c]:
                    u = 0 if form["reset"] == "hard" else u - threshold[c]
        return spikes

    def conv(self, op):
        source = self.values[op["input"]]
        height, width = self.grids[op["name"]] = self.grids[op["input"]]
        channels = len(source[0][0])
        weight = self.weights(op["name"], op["weights"], op["channels"], 9 * channels)
        sums = [[[0] * len(weight) for _ in tokens] for tokens in source]
        for t, row, column in product(self.steps, range(height), range(width)):
            for c, i in product(range(len(weight)), range(channels)):
                for down, right in product((-1, 0, 1), (-1, 0, 1)):
                    if 0 <= row + down < height and 0 <= column + right < width:
                        one = weight[c][i * 9 + (down + 1) * 3 + right + 1]
                        sums[t][row * width + column][c] += one * source[t][(row + down) * width + column + right][i]
        if op.get("shortcut") is not None:
            joined, name = self.values[op["shortcut"]["input"]], f"{op['name']}.shortcut"
            if op["shortcut"]["through"] == "gain":
                gain = self.tensors[f"{name}.gain"]
                extra = [[[g * x for g, x in zip(gain, token, strict=True)] for token in tokens] for tokens in joined]
            else:
                form = op["shortcut"]["weights"]
                extra = self.matrix(self.weights(name, form, op["channels"], len(joined[0][0])), joined)
            sums = [[[a + b for a, b in zip(*pair, strict=True)] for pair in zip(*pairs, strict=True)]
                    for pairs in zip(sums, extra, strict=True)]  # fmt: skip
        return self.neuron(op, sums)

    @staticmethod
    def matrix(weight, source):
        return [
            [[sum(w * x for w, x in zip(row, token, strict=True)) for row in weight] for token in tokens]
            for tokens in source
        ]

    def linear(self, op):
        source = self.values[op["input"]]
        weight = self.weights(op["name"], op["weights"], op["channels"], len(source[0][0]))
        return self.neuron(op, self.matrix(weight, source))

    def pool(self, op):
        source = self.values[op["input"]]
        height, width = self.grids[op["input"]]
        self.grids[op["name"]] = height // 2, width // 2
        counts = op.get("function", "or") == "count"
        window = (0, 1) if counts else (-1, 0, 1)
        result = []
        for t in self.steps:
            tokens = []
            for row, column in product(range(height // 2), range(width // 2)):
                places = [
                    (2 * row + down) * width + 2 * column + right
                    for down, right in product(window, window)
                    if 0 <= 2 * row + down < height and 0 <= 2 * column + right < width
                ]
                sums = [sum(source[t][place][c] for place in places) for c in range(len(source[0][0]))]
                tokens.append(sums if counts else [min(1, x) for x in sums])
            result.append(tokens)
        return result

    def add(self, op):
        first, second = op["inputs"]
        if first in self.grids and second in self.grids:
            self.grids[op["name"]] = self.grids[first]
        limit = op.get("limit")
        return [
            [[x + y if limit is None else min(limit, x + y) for x, y in zip(*pair, strict=True)]
             for pair in zip(*pairs, strict=True)]
            for pairs in zip(self.values[first], self.values[second], strict=True)
        ]  # fmt: skip

    def attention(self, op):
        query, key, value = (self.values[op[part]] for part in ("query", "key", "value"))
        wide, narrow, tokens = len(value[0][0]), len(query[0][0]), range(len(query[0]))
        share = narrow // op["heads"]
        sums = [[[0] * wide for _ in tokens] for _ in self.steps]
        for t, n, c in product(self.steps, tokens, range(wide)):
            head = c * op["heads"] // wide
            sums[t][n][c] = sum(
                query[t][n][i] * key[t][m][i] * value[t][m][c]
                for i, m in product(range(head * share, (head + 1) * share), tokens)
            )
        return self.neuron(op, sums)

    def select(self, op):
        source, name = self.values[op["input"]], op["name"]
        hidden_layer, score_layer = op["hidden"], op["score"]
        first = self.weights(f"{name}.hidden", hidden_layer["weights"], hidden_layer["channels"], len(source[0][0]))
        (second,) = self.weights(f"{name}.score", score_layer["weights"], 1, hidden_layer["channels"])
        bias, (last,) = self.tensors[f"{name}.hidden.bias"], self.tensors[f"{name}.score.bias"]
        scores, sums = [], self.matrix(first, source)
        for n in range(len(source[0])):
            hidden = [
                sum(sums[t][n][j] * 2 ** op["hidden"]["fraction_bits"] + bias[j] for t in self.steps)
                for j in range(len(bias))
            ]
            hidden = [min(255, max(0, one) // 2 ** op["hidden"]["shift"]) for one in hidden]
            total = sum(w * h for w, h in zip(second, hidden, strict=True))
            scores.append(total * 2 ** op["score"]["fraction_bits"] + last)
        kept = sorted(sorted(range(len(scores)), key=lambda n: (-scores[n], n))[: op["keep"]])
        return [[tokens[n] for n in kept] for tokens in source]

    def head(self, op):
        source = self.values[op["input"]]
        sums = self.matrix(self.weights(op["name"], op["weights"], op["channels"], len(source[0][0])), source)
        bias, bits = self.tensors[f"{op['name']}.bias"], op["fraction_bits"]
        return [sum(token[c] * 2**bits + bias[c] for tokens in sums for token in tokens) for c in range(len(bias))]
