"""Reading a ``.nir`` file: HDF5 is opened in a process of its own, with limits, which hands plain arrays back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from spikewright import children
from spikewright.compress.checkpoint import nir_child
from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.nir_graph import NirGraph, NirNode, in_order
from spikewright.echo import shown
from spikewright.scratch import check_room, scratch

#: Bytes of a file; wall seconds that reading it may take.
MOST, WALL_SECONDS = 1 << 29, 120.0
_EXTRA = "pip install 'spikewright[nir]'"


def read_nir(path: Path | str) -> NirGraph:
    """The graph of a ``.nir`` file, of nodes that a package can hold.

    CheckpointError, one sentence that begins with the path, for a file that is none, is not whole or too large, for a
    graph that cannot be held, and where the nir library is not installed.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise CheckpointError("is a folder: name the .nir file")
        if not path.is_file():
            raise CheckpointError("there is no such file")
        if (size := path.stat().st_size) > MOST:
            raise CheckpointError(f"has {size} bytes; allowed are at most {MOST}")
        if not size:
            raise CheckpointError("is empty; a .nir file is HDF5")
        graph = _through(_read_apart(path))
        in_order(graph)
    except CheckpointError as error:
        raise CheckpointError(f"{shown(str(path))}: {error}") from None
    return graph


def _read_apart(path: Path) -> NirGraph:
    """The graph as the child process read it."""
    # filters that are no part of HDF5 would be libraries from anywhere
    env = {**os.environ, "HDF5_PLUGIN_PRELOAD": "::", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with scratch(Path(tempfile.gettempdir())) as folder:
        command = [sys.executable, "-P", str(nir_child.__file__), str(path.resolve()), str(folder)]
        try:
            done = children.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, timeout=WALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise CheckpointError(f"reading it took more than {WALL_SECONDS:g} s; it was ended") from None
        if done.returncode == 0:
            try:
                return _graph(folder)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                raise CheckpointError(f"what was read is not whole ({type(error).__name__})") from None
        if done.returncode == nir_child.REFUSED:
            raise CheckpointError(shown((folder / "refused.txt").read_text(), 300))
        if done.returncode == nir_child.NO_LIBRARY:
            raise CheckpointError(f"reading .nir files needs the libraries nir and h5py: {_EXTRA}")
        check_room(folder)
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise CheckpointError(f"reading it took more than {nir_child.CPU_SECONDS} s, or the memory; it was ended")
        raise CheckpointError(f"the library HDF5 ended on it (status {done.returncode}): the file is not whole")


def _graph(folder: Path) -> NirGraph:
    told: dict[str, Any] = json.loads((folder / "graph.json").read_text())
    arrays = load_file(folder / "arrays.safetensors")
    nodes = {
        str(node["name"]): NirNode(
            str(node["kind"]), {key: arrays[f"{i}.{key}"] for key in node["arrays"]}, dict(node["texts"])
        )
        for i, node in enumerate(told["nodes"])
    }
    if len(nodes) != len(told["nodes"]):
        raise CheckpointError("two nodes have one name, that of a graph inside being 'outer.inner'; allowed is one")
    return NirGraph(nodes, [(str(a), str(b)) for a, b in told["edges"]])


def _through(graph: NirGraph) -> NirGraph:
    """The graph without the ends of graphs inside: what reads one reads what it reads."""
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for name in [name for name, node in nodes.items() if node.kind == "Through"]:
        sources = [a for a, b in edges if b == name and a != name]
        targets = [b for a, b in edges if a == name and b != name]
        edges = [edge for edge in edges if name not in edge]
        # an edge that is there twice now is refused with the graph: what reads it would get the value twice
        edges += [(a, b) for a in sources for b in targets]
        if len(edges) > nir_child.EDGES:
            raise CheckpointError(f"has more than {nir_child.EDGES} edges; allowed are {nir_child.EDGES}")
        del nodes[name]
    return NirGraph(nodes, edges)
