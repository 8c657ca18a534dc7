"""Every package the reader refuses, and what it says: one sentence, what, where, what is allowed."""

import contextlib
import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from spikewright.models.package import PackageError, read_package, write_package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

SPEC = NetworkSpec(
    height=4, width=8, steps=2, dim=8, heads=2, depth=1, pools=(False, False, True, False), selectors=((0, 5),)
)
PACKAGE = random_package(5, SPEC)
INDEX = {op.name: i for i, op in enumerate(PACKAGE.network.ops)}


def parts():
    return PACKAGE.network.model_dump(mode="json"), {name: t.copy() for name, t in PACKAGE.tensors.items()}


def refused(path, network, tensors, **metadata):
    text = network if isinstance(network, str) else json.dumps(network)
    path.write_bytes(save(tensors, metadata=metadata or {"spikewright": text}))
    return refusal(path)


def refusal(path):
    with pytest.raises(PackageError) as caught:
        read_package(path)
    assert caught.value.__suppress_context__
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def put(raw, path, value):
    *steps, last = path
    for step in steps:
        raw = raw[step]
    if value is ...:
        del raw[last]
    else:
        raw[last] = value


def op(name, *fields):
    return ("ops", INDEX[name], *fields)


JSON_FAULTS = [
    (("format",), "other", "network.format: is 'other'; allowed is 'spikewright-package'"),
    (("version",), 2, "network.version: 2 is not supported; allowed is 1"),
    (("version",), True, "network.version: True is not supported; allowed is 1"),
    (("version",), ..., "network.version: None is not supported; allowed is 1"),
    (("steps",), 0, "network.steps: 0 is not allowed: input should be greater than or equal to 1"),
    (("steps",), 65, "network.steps: 65 is not allowed: input should be less than or equal to 64"),
    (("steps",), "4", "network.steps: '4' is not allowed: input should be a valid integer"),
    (("steps",), ..., "network.steps: missing"),
    (("name",), "", "network.name: '' is not allowed: string should have at least 1 character"),
    (("colour",), 1, "network.colour: unknown field; only those of docs/package.md are allowed"),
    (("ops",), [], "network.ops: [] is not allowed: tuple should have at least 1 item after validation, not 0"),
    (("input", "bits"), 9, "network.input.bits: 9 is not allowed: input should be less than or equal to 8"),
    (("input", "signed"), 1, "network.input.signed: 1 is not allowed: input should be a valid boolean"),
    (("input", "height"), 0, "network.input.height: 0 is not allowed: input should be greater than or equal to 1"),
    (
        op("sps0", "kind"),
        "deconv",
        "network.ops[0]: unknown op kind 'deconv'; allowed are 'conv', 'pool', 'add', 'linear', 'attention', "
        "'select', 'head'",
    ),
    (op("sps0", "kind"), ..., "network.ops[0]: an op needs a kind"),
    (op("sps0", "stride"), 2, "network.ops[0].conv.stride: unknown field; only those of docs/package.md are allowed"),
    (
        op("sps0", "channels"),
        0,
        "network.ops[0].conv.channels: 0 is not allowed: input should be greater than or equal to 1",
    ),
    (
        op("sps0", "name"),
        "a b",
        "network.ops[0].conv.name: 'a b' is not allowed: string should match pattern '^[A-Za-z0-9_.-]+$'",
    ),
    (
        op("sps0", "name"),
        "input",
        "network.ops[0].conv.name: 'input' is not allowed: the name 'input' is kept for the image",
    ),
    (
        op("sps0", "weights"),
        {"scheme": "uniform", "bits": 9},
        "network.ops[0].conv.weights: uniform weights have 2 to 8 bits, not 9",
    ),
    (
        op("sps0", "weights"),
        {"scheme": "pot", "bits": 2},
        "network.ops[0].conv.weights: pot weights have 3 to 4 bits, not 2",
    ),
    (
        op("sps0", "weights", "scheme"),
        "log",
        "network.ops[0].conv.weights.scheme: 'log' is not allowed: input should be 'uniform' or 'pot'",
    ),
    (
        op("sps0", "neuron", "leak"),
        17,
        "network.ops[0].conv.neuron.leak: 17 is not allowed: input should be less than or equal to 16",
    ),
    (
        op("sps0", "neuron", "reset"),
        "none",
        "network.ops[0].conv.neuron.reset: 'none' is not allowed: input should be 'hard' or 'soft'",
    ),
    (
        op("sps0", "neuron", "compare"),
        ">",
        "network.ops[0].conv.neuron.compare: '>' is not allowed: input should be 'ge' or 'gt'",
    ),
    (
        op("sps0", "neuron", "fraction_bits"),
        21,
        "network.ops[0].conv.neuron.fraction_bits: 21 is not allowed: input should be less than or equal to 20",
    ),
    (
        op("block0.select", "hidden", "shift"),
        32,
        f"network.ops[{INDEX['block0.select']}].select.hidden.shift: 32 is not allowed: input should be less than or "
        "equal to 31",
    ),
    (op("sps1", "name"), "sps0", "op 'sps0': the name is used twice; each op has a name of its own"),
    (op("sps1", "input"), "sps9", "op 'sps1': reads 'sps9', which no earlier op makes; made: input, sps0"),
    (op("sps1", "input"), "sps1", "op 'sps1': reads 'sps1', which no earlier op makes; made: input, sps0"),
    (op("sps2.pool", "input"), "input", "op 'sps2.pool': a pool cannot read the image; only a conv can"),
    (
        op("embed", "inputs"),
        ["rpe", "sps2"],
        "op 'embed': 'rpe' and 'sps2' differ in shape, 8 tokens of 8 channels on "
        "a 2x4 grid against 32 tokens of 4 channels on a 4x8 grid; they must be equal",
    ),
    (
        op("block0.add1", "inputs"),
        ["block0.proj", "block0.select"],
        "op 'block0.add1': 'block0.select' must be spikes made by a conv, pool or linear",
    ),
    (
        op("block0.add1", "inputs"),
        ["block0.select", "block0.attention"],
        "op 'block0.add1': 'block0.attention' must be spikes made by a conv, pool or linear",
    ),
    (
        op("block0.attention", "query"),
        "block0.select",
        "op 'block0.attention': 'block0.select' must be spikes (values 0 or 1)",
    ),
    (op("block0.attention", "heads"), 3, "op 'block0.attention': 3 heads do not divide 8 channels"),
    (op("block0.select", "keep"), 9, "op 'block0.select': keeps 9 tokens; its input has 8"),
    (
        op("block0.q", "input"),
        "embed",
        "op 'block0.q': reads 'embed' with 8 tokens after a selector kept 5; every op after a selector reads values "
        "with the new token count",
    ),
    (("output",), "block0.fc2", "output 'block0.fc2': must be the head, the last op ('head')"),
]


@pytest.mark.parametrize(("where", "value", "text"), JSON_FAULTS)
def test_network(tmp_path, where, value, text):
    network, tensors = parts()
    put(network, where, value)
    assert refused(tmp_path / "p", network, tensors) == text


def test_a_pool_needs_spikes_and_an_even_grid(tmp_path):
    network, tensors = parts()
    pool = {"kind": "pool", "name": "pooled"}
    network["ops"].insert(INDEX["embed"] + 1, {**pool, "input": "embed"})
    assert refused(tmp_path / "p", network, tensors) == "op 'pooled': 'embed' must be spikes (values 0 or 1)"
    network["ops"][INDEX["embed"] + 1] = {**pool, "input": "rpe"}
    network["ops"].insert(INDEX["embed"] + 2, {**pool, "name": "twice", "input": "pooled"})
    text = "op 'twice': a pool needs a grid of even height and width; 'pooled' has one of 1x2"
    assert refused(tmp_path / "p", network, tensors) == text


def test_queries_and_keys_are_equally_wide_whatever_the_values_are(tmp_path):
    network, tensors = parts()
    for name in ("block0.k", "block0.v"):
        network["ops"][INDEX[name]]["channels"] = 16
    text = (
        "op 'block0.attention': 'block0.q' and 'block0.k' differ in shape, 5 tokens of 8 channels against 5 tokens of "
        "16 channels; they must be equal"
    )
    assert refused(tmp_path / "p", network, tensors) == text


def test_what_is_added_to_a_stream_is_spikes_and_no_counts(tmp_path):
    network, tensors = parts()
    at = INDEX["embed"] + 1
    pool = {"kind": "pool", "input": "rpe"}
    network["ops"][at:at] = [
        {**pool, "name": "ors"},
        {**pool, "name": "counts", "function": "count"},
        {"kind": "add", "name": "sum", "inputs": ["ors", "counts"]},
    ]
    assert refused(tmp_path / "p", network, tensors) == "op 'sum': 'counts' must be spikes (values 0 or 1)"


def test_a_conv_needs_a_grid(tmp_path):
    network, tensors = parts()
    network["ops"][INDEX["block0.proj"]] = {**network["ops"][0], "name": "block0.proj", "input": "block0.attention"}
    text = "op 'block0.proj': 'block0.attention' has no grid; a conv reads the image, conv, pool or add"
    assert refused(tmp_path / "p", network, tensors) == text


def test_the_head_is_last(tmp_path):
    network, tensors = parts()
    network["ops"].pop()
    assert refused(tmp_path / "p", network, tensors).startswith("op 'block0.add2': a head is the last op")


def test_two_ops_cannot_claim_one_tensor(tmp_path):
    network, tensors = parts()
    extra = {**network["ops"][INDEX["block0.q"]], "name": "block0.select.hidden"}
    network["ops"].insert(INDEX["block0.q"], extra)
    text = "tensor 'block0.select.hidden.codes': two parts of the network claim this name; rename one op"
    assert refused(tmp_path / "p", network, tensors) == text


LOW_HIGH = PACKAGE.network.input.code_range
CODES = PACKAGE.network.op("sps1").weights.max_code
TENSOR_FAULTS = [
    ("sps1.codes", None, "tensor 'sps1.codes': missing; the network needs it"),
    ("other", np.zeros(1, np.int8), "tensor 'other': the network has no use for it; only tensors it names are allowed"),
    ("sps1.codes", np.zeros((2, 1, 3, 3), np.int16), "tensor 'sps1.codes': has dtype int16; allowed is int8"),
    (
        "sps1.codes",
        np.zeros((2, 1, 3, 3), np.int64),
        "tensor 'sps1.codes': has dtype I64; allowed are I8, I16, I32, F32",
    ),
    (
        "sps1.codes",
        np.zeros((2, 2, 3, 3), np.int8),
        "tensor 'sps1.codes': has shape [2, 2, 3, 3]; allowed is [2, 1, 3, 3]",
    ),
    (
        "sps1.codes",
        np.full((2, 1, 3, 3), CODES + 1, np.int8),
        f"tensor 'sps1.codes': {CODES + 1} at [0, 0, 0, 0] is out of range; allowed is at most {CODES}",
    ),
    (
        "sps1.codes",
        np.full((2, 1, 3, 3), -128, np.int8),
        f"tensor 'sps1.codes': -128 at [0, 0, 0, 0] is out of range; allowed is at least {-CODES}",
    ),
    ("sps1.scale", np.ones(3, np.float32), "tensor 'sps1.scale': has shape [3]; allowed is [2] or [1]"),
    ("sps1.scale", np.full(1, np.inf, np.float32), "tensor 'sps1.scale': holds a value that is not finite"),
    (
        "sps1.threshold",
        np.array([1, 0], np.int32),
        "tensor 'sps1.threshold': 0 at [1] is out of range; allowed is at least 1",
    ),
    ("sps1.bias", np.zeros(3, np.int32), "tensor 'sps1.bias': has shape [3]; allowed is [2]"),
    (
        "block0.attention.bias",
        np.ones(8, np.int32),
        "tensor 'block0.attention.bias': 1 at [0] is out of range; allowed is at most 0",
    ),
    ("input.table", np.zeros((1, 255), np.int16), "tensor 'input.table': has shape [1, 255]; allowed is [1, 256]"),
    (
        "input.table",
        np.full((1, 256), 128, np.int16),
        f"tensor 'input.table': 128 at [0, 0] is out of range; allowed is at most {LOW_HIGH[1]}",
    ),
    (
        "block0.select.hidden.bias",
        np.zeros(8, np.int32),
        "tensor 'block0.select.hidden.bias': has shape [8]; allowed is [4]",
    ),
    ("record.labels", np.zeros(3, np.int16), "tensor 'record.float': missing; a record has all three of its tensors"),
]


@pytest.mark.parametrize(("name", "tensor", "text"), TENSOR_FAULTS)
def test_tensor(tmp_path, name, tensor, text):
    network, tensors = parts()
    tensors[name] = tensor
    assert refused(tmp_path / "p", network, {k: t for k, t in tensors.items() if t is not None}) == text


def test_record_tensors(tmp_path):
    network, tensors = parts()
    for length, part in enumerate(("labels", "float", "quantised"), start=2):
        tensors[f"record.{part}"] = np.zeros(length, np.int16)
    text = (
        "record: its tensors must have one length, not {'record.labels': 2, 'record.float': 3, 'record.quantised': 4}"
    )
    assert refused(tmp_path / "p", network, tensors) == text
    tensors["record.float"] = np.zeros((2, 2), np.int16)
    assert refused(tmp_path / "p", network, tensors) == "tensor 'record.float': has shape [2, 2]; allowed is [n]"


def test_header(tmp_path):
    network, tensors = parts()
    path = tmp_path / "p"
    text = "header: __metadata__ must have the one key 'spikewright', not "
    assert refused(path, network, tensors, format="pt") == f"{text}['format']"
    path.write_bytes(save(tensors))
    assert refusal(path) == f"{text}[]"
    assert refused(path, "[]", tensors) == "network: must be a JSON object"
    assert refused(path, "{", tensors).startswith("network: not JSON (")


def test_missing_file(tmp_path):
    assert refusal(tmp_path / "none") == "cannot be read: No such file or directory"
    assert refusal(tmp_path) == "cannot be read: Is a directory"


def test_truncated_file(tmp_path):
    write_package(PACKAGE, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for length in {0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(whole) - 1}:
        (tmp_path / "p").write_bytes(whole[:length])
        text = refusal(tmp_path / "p")
        assert text.startswith("not a whole safetensors file (")
        assert text.endswith("); the file is truncated or not a package")


def test_any_damaged_header_byte_is_refused_or_harmless(tmp_path):
    write_package(PACKAGE, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(header)] ^= 1 << rng.integers(8)
        (tmp_path / "p").write_bytes(damaged)
        with contextlib.suppress(PackageError):  # and nothing else
            read_package(tmp_path / "p")
