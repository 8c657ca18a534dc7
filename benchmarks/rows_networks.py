"""Fifty random networks on a few structures, every layer, step, token and channel."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import ROOT, command
from results import Row

sys.path.insert(0, str(ROOT / "tests" / "accelerator"))


def rows() -> list[Row]:
    import networks

    exact = values = count = 0
    seeds = []
    for name, group in networks.GROUPS.items():
        for index, network in enumerate(group.networks):
            with tempfile.TemporaryDirectory() as folder:
                found = networks.run_network(name, index, Path(folder), stall=90 if index % 2 else 0)
            exact, values, count = exact + found.bit_exact, values + found.values, count + 1
            seeds.append(str(network.seed))
            print(f"  {name} {network.seed}: {'exact' if found.bit_exact else found.first}", flush=True)
    return [
        Row("2.random-networks", command("networks"), f"{exact}/{count}", "bit-exact", "50 of 50", exact == count == 50,
            " ".join(seeds), f"{values} values, {len(networks.GROUPS)} structures")
    ]  # fmt: skip
