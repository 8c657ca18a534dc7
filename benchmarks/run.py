"""The figures of docs/results.md: python benchmarks/run.py [GROUP ...]; without a group, all but the slow ones.

Each group is a module of this folder with a function ``rows()``; its rows replace those of the same ids.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
#: Group → what it measures, in the order in which they run.
GROUPS = {
    "reference": "accuracy of all rungs on 360 images, cycles, the gain of skipping, simulation speed",
    "compiling": "time of generate, and of compiling a 4-384-sized package",
    "networks": "fifty random networks, bit-exact (slow)",
    "flips": "200 flipped ROM bits (slow)",
    "synthesis": "LUT, block RAM, Fmax on the board (slow)",
    "compression": "the four methods against their controls, from the cells that benchmarks/compression.py computed",
}
SLOW = ("networks", "flips", "synthesis")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; 'all' for all")
    names = parser.parse_args().groups or [name for name in GROUPS if name not in SLOW]
    names = list(GROUPS) if names == ["all"] else names
    if unknown := [name for name in names if name not in GROUPS]:
        parser.error(f"unknown group {unknown[0]!r}: the groups are {', '.join(GROUPS)}")
    sys.path.insert(0, str(HERE))
    results = importlib.import_module("results")
    for name in names:
        start = time.monotonic()
        print(f"{name}: {GROUPS[name]}", flush=True)
        rows = importlib.import_module(f"rows_{name}").rows()
        results.merge(rows)
        for row in rows:
            print(f"  {row.id}: {row.value} {row.unit}", flush=True)
        print(f"  {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
