"""Fifty random networks on a few structures, every layer, step, token and channel."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.common import ROOT, command
from benchmarks.results import Row

#: Where the tests keep these networks.
NETWORKS = ROOT / "tests" / "sim" / "accelerator"


def rows() -> list[Row]:
    """How many of the networks are bit-exact, every second of them with stalls at random."""
    sys.path.append(str(NETWORKS))
    from networks import GROUPS, run_network

    exact = values = count = 0
    seeds = []
    for name, group in GROUPS.items():
        for index, network in enumerate(group.networks):
            with tempfile.TemporaryDirectory() as folder:
                comparison = run_network(name, index, Path(folder), stall=90 if index % 2 else 0)
            exact, values, count = exact + comparison.bit_exact, values + comparison.values, count + 1
            seeds.append(str(network.seed))
            verdict = "exact" if comparison.bit_exact else comparison.first
            print(f"  {name} {network.seed}: {verdict}", flush=True)
    return [
        Row("hw.random-networks", command("networks"), f"{exact}/{count}", "bit-exact", "50 of 50",
            exact == count == 50, " ".join(seeds), f"{values} values, {len(GROUPS)} structures")
    ]  # fmt: skip
