"""Each limit of docs/package.md at its edge: this much is read, one more is not; user text is echoed short."""

import json
import os
import re
import time
import tracemalloc

import numpy as np
import pytest
from every_op import every_op
from safetensors.numpy import save

from spikewright.echo import quoted, shown
from spikewright.models import package_limits as limits
from spikewright.models.package import PackageError, parse_network, read_package, tensor_specs
from spikewright.models.package_tensors import check


def network(**fields):
    raw = every_op() | {key: value for key, value in fields.items() if key != "input"}
    raw["input"] |= fields.get("input", {})
    return raw


def image(**size):
    """A network of one conv with one channel, on an image of that size."""
    raw = every_op()
    raw["input"] |= {"channels": 1, **size}
    raw["ops"] = [raw["ops"][2] | {"input": "input", "channels": 1, "shortcut": None}, raw["ops"][-1]]
    raw["ops"][1]["input"] = "gained"
    return raw


def chain(convs, channels=1):
    raw = image(height=1, width=1)
    conv = raw["ops"][0] | {"channels": channels}
    raw["ops"][:1] = [conv | {"name": f"c{i}", "input": f"c{i - 1}" if i else "input"} for i in range(convs)]
    raw["ops"][-1]["input"] = f"c{convs - 1}"
    return raw


def deep(brackets):
    inner: list = []
    for _ in range(brackets - 3):  # the network, its provenance, and the innermost
        inner = [inner]
    return network(provenance={"x": inner})


def named(length):
    raw = image()
    raw["ops"][0]["name"] = raw["ops"][1]["input"] = "x" * length
    return raw


EDGES = {
    "side": (lambda n: image(height=n, width=1), limits.SIDE, "network.input.height: 8193 is not allowed"),
    "pixels": (lambda n: image(height=n // 1024, width=1024), limits.PIXELS, "network.input: 4097 x 1024 are 4195328"),
    "channels": (lambda n: image(channels=n), limits.CHANNELS, "network.input.channels: 16385 is not allowed"),
    "out": (lambda n: chain(1, n), limits.CHANNELS, "network.ops[0].conv.channels: 16385 is not allowed"),
    "steps": (lambda n: network(steps=n), limits.STEPS, "network.steps: 65 is not allowed"),
    "ops": (lambda n: chain(n - 1), limits.OPS, "network.ops: [{'channels': 1, 'input': 'input', "),
    "nesting": (deep, limits.NESTING, "network: not JSON (brackets are nested deeper than 64)"),
    "name": (named, limits.NAME, "network.ops[0].conv.name: 'xxxxx"),
    "text": (lambda n: network(name="x" * n), limits.TEXT, "network.name: 'xxxxxxx"),
    "data": (lambda n: network(data="x" * n), limits.TEXT, "network.data: 'xxxxxxx"),
    "value": (
        lambda n: image(height=2048, width=2048, frames=True) | {"steps": 64, "input": image(
            height=2048, width=2048, channels=n // (64 << 22), frames=True)["input"]},
        limits.VALUE,
        "value 'input': 64 steps of 4194304 tokens of 65 channels are 17448304640 integers; allowed are at most",
    ),
}  # fmt: skip
#: What one more is, where it is not 1.
MORE = {"pixels": 1024, "value": 64 << 22}


@pytest.mark.parametrize("edge", EDGES)
def test_at_the_edge(edge):
    make, most, text = EDGES[edge]
    parse_network(json.dumps(make(most)))
    with pytest.raises(PackageError) as caught:
        parse_network(json.dumps(make(most + MORE.get(edge, 1))))
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 300


def test_weights_of_all_ops_together():
    wide = chain(1, 16384)
    head = wide["ops"][-1]
    rest = limits.WEIGHTS - 9 * 16384
    head["channels"] = 10_000
    linear = {"kind": "linear", "weights": head["weights"], "neuron": wide["ops"][0]["neuron"], "input": "c0"}
    left = rest - 10_000 * 16384
    linears = [linear | {"name": f"l{i}", "channels": min(16384, left // 16384 - 16384 * i)} for i in range(2)]
    wide["ops"][1:1] = [layer for layer in linears if layer["channels"] > 0]
    total = sum(layer["channels"] for layer in wide["ops"][1:]) * 16384 + 9 * 16384
    assert limits.WEIGHTS - 16384 < total <= limits.WEIGHTS
    parse_network(json.dumps(wide))
    head["channels"] += 1
    with pytest.raises(PackageError, match=r"^op 'head': up to here there are \d+ weights; allowed are 536870912$"):
        parse_network(json.dumps(wide))


def test_published_networks_are_far_below():
    wide = network(steps=64)
    wide["input"] |= {"height": 224, "width": 224}
    wide["ops"][0] |= {"channels": 64}
    wide["ops"][3:5] = [wide["ops"][4]]
    wide["ops"][1] |= {"channels": 4096}
    wide["ops"][2] |= {"channels": 4096}
    parse_network(json.dumps(wide))


@pytest.mark.parametrize("limit", [0, 2, 6, 2**32 - 1, 2**63, -1, 2**200 - 1])
def test_limit_of_a_stream(limit):
    raw = every_op()
    raw["ops"][3]["limit"] = limit
    with pytest.raises(PackageError, match=r"a limit must be 1, 3, 7, \.\.\. or 2147483647"):
        parse_network(json.dumps(raw))
    raw["ops"][3]["limit"] = 2**31 - 1
    parse_network(json.dumps(raw))


def tensors_of(net):
    """The least tensors that fit a network."""
    specs = tensor_specs(net)
    return {name: np.full(spec.shapes[0], max(spec.low or 0, 0), spec.dtype) for name, spec in specs.items()}


def test_numbers_stay_below_their_bound():
    raw = image(height=4, width=8) | {"steps": 64}
    raw["ops"][0]["neuron"] |= {"fraction_bits": 20, "leak": 16}
    raw["ops"][0]["shortcut"] = {"input": "input", "through": "gain", "weights": None}
    net = parse_network(json.dumps(raw))
    tensors = tensors_of(net)
    tensors["input.table"][:] = 127
    # the greatest membrane is 64 · (127 · gain · 2^20 + bias)
    most = 2**52 // (127 << 20)
    tensors["gained.shortcut.gain"][:] = most
    tensors["gained.bias"][:] = 2**52 - 1 - (most * 127 << 20)
    check(net, tensors)
    tensors["gained.bias"] += 1
    text = (
        "op 'gained': its membrane, times 16, needs 64 bits, at most 63: give it fewer fraction bits, smaller biases "
        "or fewer steps"
    )
    with pytest.raises(PackageError, match=f"^{re.escape(text)}$"):
        check(net, tensors)
    tensors["gained.shortcut.gain"] *= -1
    tensors["gained.bias"] *= -1  # the least one is as far below 0, and one further is allowed there
    check(net, tensors)
    tensors["gained.bias"] -= 1
    with pytest.raises(PackageError, match=f"^{re.escape(text)}$"):
        check(net, tensors)


def test_what_a_class_score_and_a_selector_may_reach():
    raw = image(height=2048, width=2048) | {"steps": 64}
    raw["ops"][0]["channels"] = 64
    raw["ops"].insert(1, {"kind": "add", "name": "twice", "inputs": ["gained", "gained"]})
    raw["ops"][2] |= {"fraction_bits": 20, "input": "twice"}
    net = parse_network(json.dumps(raw))
    tensors = tensors_of(net)
    tensors["head.codes"][:] = -127  # 2^22 tokens · 2^6 steps · 2^20 · 64 channels of 0 to 2 · 127
    check(net, tensors)
    tensors["head.bias"][:] = -(2**31)
    with pytest.raises(PackageError, match=r"^op 'head': its class score needs 64 bits, at most 63: "):
        check(net, tensors)
    raw = every_op()
    raw["ops"][9]["hidden"] |= {"fraction_bits": 20, "channels": 1}
    net = parse_network(json.dumps(raw))
    tensors = tensors_of(net)
    tensors["selected.hidden.codes"][:] = 127
    check(net, tensors)


def write(path, tensors=None, text=None, **metadata):
    path.write_bytes(save(tensors or {}, metadata=metadata or {"spikewright": text or json.dumps(every_op())}))
    return path


def raw_file(path, header, body=b""):
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(data).to_bytes(8, "little") + data + body)
    return path


def refusal(path):
    with pytest.raises(PackageError) as caught:
        read_package(path)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("shape", [[1] * 5, [1] * 100, [0, 2**62], [0, 2**30, 2**30, 2**30], [0] * 64])
def test_tensors_of_shapes_that_numpy_does_not_hold(tmp_path, shape):
    offsets = [0, 0 if 0 in shape else 1]
    header = {
        "__metadata__": {"spikewright": json.dumps(every_op())},
        "x": {"dtype": "I8", "shape": shape, "data_offsets": offsets},
    }
    text = refusal(raw_file(tmp_path / "p", header, b"\0" * offsets[1]))
    assert text.startswith("tensor 'x': has shape [")
    assert text.endswith("; allowed are at most 4 dimensions and 1073741824 elements")


def test_files_that_are_too_large_are_not_read(tmp_path):
    with (tmp_path / "p").open("wb") as file:
        file.truncate(limits.FILE_BYTES + 1)  # takes no room on the disk
    start = time.monotonic()
    assert refusal(tmp_path / "p") == "the file has 1073741825 bytes; allowed are at most 1073741824"
    assert time.monotonic() - start < 1
    long = b"{}" + b" " * (limits.HEADER_BYTES - 1)
    assert refusal(raw_file(tmp_path / "p", long)) == "the header has 8388609 bytes; allowed are at most 8388608"
    assert "__metadata__ must have" in refusal(raw_file(tmp_path / "p", long[:-1]))
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "is not a regular file"
    assert refusal("/dev/zero").endswith("is not a regular file")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"format": 1, "format": 2}', "the key 'format' stands twice"),
        ('{"steps": NaN}', "NaN is no number of JSON"),
        ('{"steps": -Infinity}', "-Infinity is no number of JSON"),
        ('{"steps": 1e999}', "the number 1e999 is too large"),
        ("[" * 100_000, "brackets are nested deeper than 64"),
        ("1" * 5000, "Exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_json_that_is_none(tmp_path, text, fault):
    assert refusal(write(tmp_path / "p", text=text)).startswith(f"network: not JSON ({fault}")


def test_the_header_is_read_as_strictly(tmp_path):
    entry = '{"dtype": "I8", "shape": [1], "data_offsets": [0, 1]}'
    text = refusal(raw_file(tmp_path / "p", f'{{"x": {entry}, "x": {entry}}}'.encode(), b"\0"))
    assert text.startswith("not a whole safetensors file (the key 'x' stands twice)")


LONG = "x" * 100_000 + "\x1b[31m\n\0"
ECHOES = {
    "tensor": lambda path: write(path, {LONG: np.zeros(1, np.int8)}),
    "metadata": lambda path: write(path, **{LONG: "1"}),
    "dtype": lambda path: raw_file(path, {LONG: {"dtype": LONG, "shape": [1], "data_offsets": [0, 1]}}, b"\0"),
    "format": lambda path: write(path, text=json.dumps(network(format=LONG))),
    "version": lambda path: write(path, text=json.dumps(network(version=LONG))),
    "field": lambda path: write(path, text=json.dumps(network(**{LONG: 1}))),
    "name": lambda path: write(path, text=json.dumps(network(name=LONG))),
    "data": lambda path: write(path, text=json.dumps(network(data="a\nb"))),
    "output": lambda path: write(path, text=json.dumps(network(output="x" * 80))),
    "steps": lambda path: write(path, text=json.dumps(network(steps=10**4000))),
    "list": lambda path: write(path, text=json.dumps(network(steps=[LONG] * 50))),
    "lone": lambda path: write(path, text=json.dumps(network(name="\ud800"))),
    "key": lambda path: write(path, text=f"{{{json.dumps(LONG)}: 1, {json.dumps(LONG)}: 1}}"),
    "kind": lambda path: write(path, text=json.dumps(network(ops=[{"kind": LONG}]))),
    "keep": lambda path: write(path, text=json.dumps(network()).replace('"keep": 4', f'"keep": {10**4000}')),
    "heads": lambda path: write(path, text=json.dumps(network()).replace('"heads": 2', f'"heads": {10**4000}')),
}  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
def test_user_text_is_echoed_short_and_escaped(tmp_path, echo):
    text = refusal(ECHOES[echo](tmp_path / "p"))
    assert text.isprintable()
    assert "x" * 81 not in text
    assert "0" * 81 not in text
    assert len(text) < 350


def test_names_in_a_path_are_escaped(tmp_path):
    path = tmp_path / "a\n\x1b[31mb"
    with pytest.raises(PackageError) as caught:
        read_package(path)
    assert str(caught.value) == f"{tmp_path}/a\\n\\x1b[31mb: cannot be read: No such file or directory"


def test_what_is_echoed():
    assert quoted("it's\n") == '"it\'s\\n"'
    assert quoted([1, 2]) == "[1, 2]"
    assert shown("ünï \x00\u202e") == "ünï \\x00\\u202e"
    for value in ("x" * 100, "\0" * 100, ["y" * 100] * 9, 10**400, {"z" * 90: 1}):
        assert len(quoted(value)) <= 80
    assert len(shown("x" * 81)) == 80
    assert shown("x" * 80) == "x" * 80


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('"ops": [' + "{}," * 100_000 + "{}]", "network.ops[0]: an op needs a kind"),
        ('"ops": [' + "0," * 100_000 + "0]", "network.ops[0]: 0 is not allowed: must be a JSON object"),
        (",".join(f'"{i}": 0' for i in range(100_000)), "network: 100009 fields are too many; only those of"),
    ],
)
def test_a_million_faults_are_one(tmp_path, text, fault):
    raw = every_op()
    if "ops" in text:
        del raw["ops"]
    path = write(tmp_path / "p", text=json.dumps(raw)[:-1] + f", {text}}}")
    tracemalloc.start()
    assert refusal(path).startswith(fault)
    assert tracemalloc.get_traced_memory()[1] < 60 << 20
    tracemalloc.stop()
