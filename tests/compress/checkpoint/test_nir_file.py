"""Files of NIR: what comes back, graphs inside, kinds that are refused, and files that mean harm."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from nir_graphs import chain, conv, flatten, integrator, lif, pool, read

from spikewright.compress.checkpoint import nir_child, nir_file
from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_file import read_nir


def small() -> nir.NIRGraph:
    """One node of each kind that is held."""
    rng = np.random.default_rng(0)
    return chain(
        (2, 4, 4),
        conv(rng.normal(size=(3, 2, 3, 3)).astype(np.float32), padding="same"),
        lif((3, 4, 4)),
        pool(nir.AvgPool2d),
        conv(rng.normal(size=(3, 3, 3, 3))),
        integrator((3, 2, 2)),
        pool(nir.SumPool2d),
        flatten(),
        nir.Scale(np.array([1.0, 2.0, 3.0])),
        nir.Linear(rng.normal(size=(5, 3))),
        lif((5,)),
        nir.Affine(rng.normal(size=(4, 5)), rng.normal(size=4)),
        classes=4,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    read(small(), tmp_path)
    return tmp_path / "graph.nir"


def refused(path: Path) -> str:
    """The sentence behind the path."""
    with pytest.raises(CheckpointError) as raised:
        read_nir(path)
    text = str(raised.value)
    assert text.isprintable()
    assert len(text) < 500
    assert text.startswith(f"{path}: "[:78].rstrip(".")) or "..." in text
    return text.partition(": ")[2]


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    graph = small()
    got = read(graph, tmp_path)
    assert list(got.edges) == graph.edges
    for name, node in graph.nodes.items():
        assert got.nodes[name].kind == type(node).__name__
        for key, value in node.to_dict().items():
            if isinstance(value, np.ndarray):
                assert np.array_equal(got.nodes[name].arrays[key], value), (name, key)
    assert got.nodes["n0"].texts == {"padding": "same"}
    assert got.nodes["n0"].arrays["weight"].dtype == np.float32


def test_graphs_inside_are_laid_open(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {"in": nir.Input(np.array([3])), "w": nir.Linear(np.eye(3)), "n": lif((3,)), "out": nir.Output(np.array([3]))},
        [("in", "w"), ("w", "n"), ("n", "out")],
    )
    outer = nir.NIRGraph(
        {"in": nir.Input(np.array([3])), "deep": inner, "out": nir.Output(np.array([3]))},
        [("in", "deep"), ("deep", "out")],
    )
    nodes = {"input": nir.Input(np.array([3])), "a": outer, "b": inner, "output": nir.Output(np.array([3]))}
    graph = nir.NIRGraph(nodes, [("input", "a"), ("a", "b"), ("b", "output")], type_check=False)
    nir.write(tmp_path / "graph.nir", graph)
    got = read_nir(tmp_path / "graph.nir")
    assert set(got.nodes) == {"input", "a.deep.w", "a.deep.n", "b.w", "b.n", "output"}
    assert set(got.edges) == {
        ("input", "a.deep.w"), ("a.deep.w", "a.deep.n"), ("a.deep.n", "b.w"), ("b.w", "b.n"), ("b.n", "output")
    }  # fmt: skip


def test_a_graph_inside_with_two_inputs_is_refused(tmp_path: Path) -> None:
    nodes = {"one": nir.Input(np.array([3])), "two": nir.Input(np.array([3])), "out": nir.Output(np.array([3]))}
    inner = nir.NIRGraph(nodes, [("one", "out"), ("two", "out")], type_check=False)
    nir.write(tmp_path / "graph.nir", chain((3,), inner, classes=3))
    assert refused(tmp_path / "graph.nir").startswith(
        "node 'n0': a NIRGraph cannot be held: graphs inside are laid open"
    )


V = np.ones(3)
KINDS = {
    "CubaLIF": nir.CubaLIF(V, V, V, V, V),
    "CubaLI": nir.CubaLI(V, V, V, V),
    "LI": nir.LI(V, V, V),
    "I": nir.I(V),
    "Delay": nir.Delay(V),
    "Threshold": nir.Threshold(V),
    "Conv1d": nir.Conv1d(5, np.ones((1, 3, 3)), 1, 0, 1, 1, np.ones(1)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_cannot_be_held(kind: str, tmp_path: Path) -> None:
    nir.write(tmp_path / "graph.nir", chain((3,), nir.Linear(np.eye(3)), KINDS[kind], classes=3))
    assert refused(tmp_path / "graph.nir").startswith(f"node 'n1': a {kind} cannot be held: ")


def test_recurrence_is_refused(tmp_path: Path) -> None:
    graph = chain((3,), nir.Linear(np.eye(3)), lif((3,)), nir.Linear(np.eye(3)), classes=3)
    graph.edges.append(("n2", "n1"))
    nir.write(tmp_path / "graph.nir", graph)
    assert refused(tmp_path / "graph.nir") == "node 'n1': its spikes come back to it; recurrence cannot be held"


def test_a_kind_that_the_library_does_not_know(file: Path) -> None:
    with h5py.File(file, "r+") as opened:
        del opened["node/nodes/n1/type"]
        opened["node/nodes/n1/type"] = "Softmax"
    assert refused(file) == "node 'n1': a 'Softmax' is no kind of the nir library"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty; a .nir file is HDF5"), (b"layers: 3\n", "is no whole NIR file (OSError: "),
     (b"\x89HDF\r\n\x1a\n" + bytes(600), "is no whole NIR file (OSError: ")],
)  # fmt: skip
def test_files_that_are_something_else(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "x.nir").write_bytes(content)
    assert refused(tmp_path / "x.nir").startswith(sentence)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    assert refused(tmp_path) == "is a folder: name the .nir file"
    assert refused(tmp_path / "none.nir") == "there is no such file"


def test_a_file_without_a_graph(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.nir", "w") as opened:
        opened["weights"] = np.ones(3)
    assert refused(tmp_path / "x.nir") == "is HDF5, but holds no NIR graph: it has no group 'node'"
    nir.write(tmp_path / "y.nir", nir.Linear(np.eye(3)))
    assert refused(tmp_path / "y.nir") == "holds a 'Linear' alone; allowed is a NIRGraph"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files(share: float, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    assert refused(file)


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_are_read_or_refused(seed: int, file: Path) -> None:
    data, rng = bytearray(file.read_bytes()), np.random.default_rng(seed)
    for at in rng.integers(8, len(data), 40):
        data[at] ^= 1 << int(rng.integers(8))
    file.write_bytes(data)
    with suppress(CheckpointError):
        read_nir(file)


def huge(group: h5py.Group) -> None:
    group.create_dataset("weight", shape=(1 << 34,), dtype="f4", chunks=(1 << 20,), compression="gzip")


def huge_chunk(group: h5py.Group) -> None:
    made = group.create_dataset(
        "weight", shape=(8,), maxshape=(None,), dtype="u1", chunks=(3 << 30,), compression="gzip"
    )
    made.id.write_direct_chunk((0,), bytes(100))


def endless(group: h5py.Group) -> None:
    group["self"] = group


def soft(group: h5py.Group) -> None:
    group["weight"] = h5py.SoftLink("/version")


def outside(group: h5py.Group) -> None:
    group["weight"] = h5py.ExternalLink("/etc/passwd", "/")


def raw(group: h5py.Group) -> None:
    group.create_dataset("weight", shape=(9,), dtype="u1", external=[("/etc/passwd", 0, 9)])


def compound(group: h5py.Group) -> None:
    group["weight"] = np.zeros(3, [("a", "f4"), ("b", "i4")])


def many(group: h5py.Group) -> None:
    inner = group.create_group("inner")
    for i in range(400):
        inner.create_group(f"g{i}")
    for i in range(60):
        group[f"h{i}"] = inner


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (huge, "holds more than 512 MiB of numbers, at 'weight'; allowed are 512"),
        (huge_chunk, "is no whole NIR file (OSError: "),
        (endless, "has groups inside groups beyond 12, or a group that holds itself"),
        (soft, "links to another place at 'weight'; allowed is what the file itself holds"),
        (outside, "links to another place at 'weight'; allowed is what the file itself holds"),
        (raw, "takes the numbers of 'weight' from another file; allowed is what it holds itself"),
        (compound, "holds at 'weight' what are neither numbers nor text ("),
        (many, "holds more than 20000 groups and data sets; allowed are 20000"),
    ],
)
def test_hostile_files(spoil: Callable[[h5py.Group], None], sentence: str, file: Path) -> None:
    with h5py.File(file, "r+") as opened:
        group = opened["node/nodes/n8"]
        del group["weight"]
        spoil(group)
    assert refused(file).startswith(sentence)


def test_too_many_nodes_and_bytes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nir_file, "MOST", 1000)
    assert re.fullmatch(r"has \d+ bytes; allowed are at most 1000", refused(file))
    monkeypatch.undo()
    with h5py.File(file, "r+") as opened:
        for i in range(nir_child.NODES):
            opened[f"node/nodes/more{i}"] = opened["node/nodes/n6"]
    assert refused(file) == f"has more than {nir_child.NODES} nodes; allowed are {nir_child.NODES}"


@pytest.mark.parametrize(
    ("library", "sentence"),
    [
        ("raise ImportError", "reading .nir files needs the libraries nir and h5py: pip install 'spikewright[nir]'"),
        ("import os\nos.abort()", "the library HDF5 ended on it (status -6): the file is not whole"),
        ("while True: pass", "reading it took more than 2 s; it was ended"),
        ("def read(*_, **__): return bytearray(4 << 30)", "takes more than 2 GiB of memory to read"),
        ("def read(*_, **__): read()", "is nested too deeply"),
        ("def read(*_, **__): raise ValueError('a\\n\\x1b[31mb')", "is no whole NIR file (ValueError: a \\x1b[31mb)"),
    ],
)
def test_whatever_the_library_does(library: str, sentence: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "fake").mkdir()
    # whatever is asked of the module is a class
    (file.parent / "fake" / "nir.py").write_text(f"def __getattr__(name): return type\n{library}")
    monkeypatch.setenv("PYTHONPATH", str(file.parent / "fake"))
    monkeypatch.setattr(nir_file, "WALL_SECONDS", 2.0 if "while" in library else 60.0)
    assert refused(file) == sentence
