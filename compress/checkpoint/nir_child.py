"""Reads a ``.nir`` file with the nir library, in a process of its own: HDF5 may crash, hang or ask for all memory.

    python -P nir_child.py FILE FOLDER

It leaves arrays.safetensors and graph.json in FOLDER, or refused.txt with a sentence. It imports nothing of the
project: its limit of memory is counted from what the libraries take.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

#: CPU seconds; bytes beyond what the libraries take; bytes of all data sets of a file, as numbers in memory.
CPU_SECONDS, MEMORY, DATA = 60, 2 << 30, 1 << 29
#: Groups inside groups, and groups and data sets in a file; nodes and edges of its graph.
DEPTH, OBJECTS = 12, 20_000
NODES, EDGES = 2048, 8192
#: Exit statuses: refused.txt says why; a library is missing.
REFUSED, NO_LIBRARY = 3, 4


class RefusedFile(Exception):
    """Why the file is not read; the text is the end of a sentence."""


def limit_resources() -> None:
    """Limits of this process: from here on an allocation fails that takes more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def look_through(group: Any, h5py: Any) -> None:
    """RefusedFile unless all that ``group`` holds is small, plain and in the file itself; no data is read."""
    objects, data = 0, 0
    waiting = [(group, 0)]
    while waiting:
        at, depth = waiting.pop()
        if depth > DEPTH:
            raise RefusedFile(f"has groups inside groups beyond {DEPTH}, or a group that holds itself")
        for key in at:
            objects += 1
            if objects > OBJECTS:
                raise RefusedFile(f"holds more than {OBJECTS} groups and data sets; allowed are {OBJECTS}")
            if not isinstance(at.get(key, getlink=True), h5py.HardLink):
                raise RefusedFile(f"links to another place at {key!r}; allowed is what the file itself holds")
            item = at[key]
            if isinstance(item, h5py.Group):
                waiting.append((item, depth + 1))
                continue
            if not isinstance(item, h5py.Dataset):
                raise RefusedFile(f"holds at {key!r} what is neither a group nor a data set")
            if item.is_virtual or item.external:
                raise RefusedFile(f"takes the numbers of {key!r} from another file; allowed is what it holds itself")
            if item.dtype.kind not in "fiubS" and h5py.check_string_dtype(item.dtype) is None:
                raise RefusedFile(f"holds at {key!r} what are neither numbers nor text ({item.dtype})")
            data += (item.size or 0) * item.dtype.itemsize
            if data > DATA:
                raise RefusedFile(f"holds more than {DATA >> 20} MiB of numbers, at {key!r}; allowed are {DATA >> 20}")


def check_kinds(group: Any, nir: Any, prefix: str = "") -> int:
    """How many nodes a graph has, graphs inside included; RefusedFile for a kind that the library does not know."""
    count = 0
    for name, node in group["nodes"].items():
        count += 1
        kind = node["type"][()].decode()
        if not isinstance(getattr(nir, kind, None), type):
            raise RefusedFile(f"node {(prefix + name)[:60]!r}: a {kind[:60]!r} is no kind of the nir library")
        if kind == "NIRGraph":
            count += check_kinds(node, nir, f"{prefix}{name}.")
        if count > NODES:
            raise RefusedFile(f"has more than {NODES} nodes; allowed are {NODES}")
    return count


def opened(graph: Any, nir: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nodes by name, those of a graph inside as ``outer.inner``; one that cannot be laid open stays."""
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph) and _ends(node, nir) is not None:
            yield from opened(node, nir, f"{prefix}{name}.")
        else:
            yield prefix + name, node


def edges_of(graph: Any, nir: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Edges between the names of ``opened``."""
    for pair in graph.edges:
        ends = []
        for name, side in zip(pair, (1, 0), strict=True):
            path, node = f"{prefix}{name}", graph.nodes.get(name)
            while isinstance(node, nir.NIRGraph) and (inner := _ends(node, nir)) is not None:
                path, node = f"{path}.{inner[side]}", node.nodes[inner[side]]
            ends.append(path)
        yield ends[0], ends[1]
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph) and _ends(node, nir) is not None:
            yield from edges_of(node, nir, f"{prefix}{name}.")


def _ends(graph: Any, nir: Any) -> tuple[str, str] | None:
    """Names of the only Input and the only Output of a graph inside."""
    ends = [[name for name, node in graph.nodes.items() if isinstance(node, kind)] for kind in (nir.Input, nir.Output)]
    return (ends[0][0], ends[1][0]) if len(ends[0]) == len(ends[1]) == 1 else None


def parameters(node: Any, np: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Arrays and texts of a node, in float32, float64 or int64."""
    arrays: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for name, value in node.to_dict().items():
        if name in ("type", "metadata", "nodes", "edges", "type_check") or value is None:
            continue
        if isinstance(value, str):
            texts[name] = value
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise RefusedFile(f"holds as {name!r} what are no numbers ({array.dtype})")
        kind = np.int64 if array.dtype.kind in "iub" else np.float32 if array.dtype.itemsize <= 4 else np.float64
        arrays[name] = np.ascontiguousarray(array, dtype=kind).reshape(array.shape)
    return arrays, texts


def read(file: str, folder: Path) -> None:
    """The graph of a file into a folder; RefusedFile, or whatever the libraries raise."""
    import h5py
    import nir
    import numpy as np
    from safetensors.numpy import save_file

    limit_resources()
    with h5py.File(file, "r") as opened_file:
        look_through(opened_file, h5py)
        if not isinstance(opened_file.get("node"), h5py.Group):
            raise RefusedFile("is HDF5, but holds no NIR graph: it has no group 'node'")
        if (kind := opened_file["node/type"][()].decode()) != "NIRGraph":
            raise RefusedFile(f"holds a {kind[:60]!r} alone; allowed is a NIRGraph")
        check_kinds(opened_file["node"], nir)
    graph = nir.read(file, type_check=False)
    tensors: dict[str, Any] = {}
    nodes: list[dict[str, Any]] = []
    edges = list(islice(edges_of(graph, nir), EDGES + 1))
    if len(edges) > EDGES:
        raise RefusedFile(f"has more than {EDGES} edges; allowed are {EDGES}")
    for name, node in opened(graph, nir):
        kind = type(node).__name__
        # the ends of a graph inside hand on what they read
        inside = kind in ("Input", "Output") and graph.nodes.get(name) is not node
        arrays, texts = ({}, {}) if inside or kind == "NIRGraph" else parameters(node, np)
        tensors.update({f"{len(nodes)}.{key}": array for key, array in arrays.items()})
        nodes.append({"name": name, "kind": "Through" if inside else kind, "arrays": sorted(arrays), "texts": texts})
    save_file(tensors, folder / "arrays.safetensors")
    (folder / "graph.json").write_text(json.dumps({"nodes": nodes, "edges": edges}))


def main(file: str, folder: Path) -> int:
    """Exit status of the process."""
    try:
        read(file, folder)
    except ImportError:
        return NO_LIBRARY
    except RefusedFile as error:
        text = str(error)
    except MemoryError:
        text = f"takes more than {MEMORY >> 30} GiB of memory to read"
    except RecursionError:
        text = "is nested too deeply"
    except Exception as error:  # of HDF5 and of the nir library, on files that are not what they should be
        text = f"is no whole NIR file ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    else:
        return 0
    (folder / "refused.txt").write_text(text, errors="backslashreplace")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
