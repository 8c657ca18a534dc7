"""The figures of docs/results.md: python benchmarks/run.py [GROUP ...]; without a group, all but the slow ones.

A group is a module with a function ``rows()``; its rows replace those of the same ids. What the group ``compression``
draws, ``python benchmarks/run.py cells`` trains; ``cells --help`` says how.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Group:
    """Rows that are measured together.

    module: what has the function ``rows()``
    measures: what its figures are of
    slow: it runs only where it is named
    """

    module: str
    measures: str
    slow: bool = False


#: In the order in which they run.
GROUPS = {
    "reference": Group(
        "hardware.reference", "accuracy of all rungs on 360 images, cycles, the gain of skipping, simulation speed"
    ),
    "compiling": Group("hardware.compiling", "time of generate, and of compiling a 4-384-sized package"),
    "networks": Group("hardware.random_networks", "fifty random networks, bit-exact (slow)", slow=True),
    "flips": Group("hardware.rom_flips", "200 flipped ROM bits (slow)", slow=True),
    "synthesis": Group("hardware.synthesis", "LUT, block RAM, Fmax on the board (slow)", slow=True),
    "convnets": Group("hardware.convnets", "the committed VGG and ResNet, placed and routed (slow)", slow=True),
    "features": Group(
        "hardware.features.rows", "LUT and cycles of each feature of the accelerator (20 minutes, slow)", slow=True
    ),
    "packages": Group(
        "hardware.packages", "every committed package on all its test images (20 minutes, slow)", slow=True
    ),
    "methods": Group(
        "hardware.methods", "cycles of all methods together, of a clipped stream, of leaks by channel (slow)", slow=True
    ),
    "full-size": Group(
        "hardware.full_size.rows", "networks of published sizes through RTL, by the commands (an hour, slow)", slow=True
    ),
    "house": Group(
        "house.rows", "that the plan of the house changed nothing that is computed; its sizes (slow)", slow=True
    ),
    "hostile": Group(
        "trust.hostile", "hostile packages: no traceback, no hang, little memory (20 minutes, slow)", slow=True
    ),
    "undisturbed": Group(
        "trust.undisturbed", "several commands at a time on one BUILD, and commands that are killed (slow)", slow=True
    ),
    "see": Group("see.rows", "pages in a browser, commands for scripts, the wheel alone (30 minutes, slow)", slow=True),
    "suite": Group("house.suite", "make test in fresh clones with every Python (slow)", slow=True),
    "program": Group(
        "trust.program", "networks of every kind, planted faults, and what the check costs (slow)", slow=True
    ),
    "campaign": Group(
        "trust.campaign", "random graphs on the ladder and on RTL, and the workers' equal reports (slow)", slow=True
    ),
    "icarus": Group("trust.icarus", "random networks under a second simulator, Icarus Verilog (slow)", slow=True),
    "netlists": Group("trust.netlists", "random networks as netlists after synthesis (slow)", slow=True),
    "compression": Group("compression.rows", "the four methods against their controls, from the cells in data/"),
}


def as_package() -> None:
    """Make this folder the package ``benchmarks``, and take it from sys.path.

    The repository root does not go onto sys.path: its rooms would be there under a second name. Nor may this folder
    stay on it: Python 3.14 has a ``compression`` of its own.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE.resolve()]
    spec = spec_from_file_location("benchmarks", HERE / "__init__.py")
    assert spec is not None
    sys.modules["benchmarks"] = module_from_spec(spec)


def measure(names: list[str]) -> None:
    """Measure groups, one after the other, and draw their rows."""
    from torch import set_num_threads

    from benchmarks.results import merge

    set_num_threads(1)
    for name in names:
        start = time.monotonic()
        print(f"{name}: {GROUPS[name].measures}", flush=True)
        rows = import_module(f"benchmarks.{GROUPS[name].module}").rows()
        merge(rows)
        for row in rows:
            print(f"  {row.id}: {row.value} {row.unit}", flush=True)
        print(f"  {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    """The command line."""
    as_package()
    if sys.argv[1:2] == ["cells"]:
        from benchmarks.compression.train import main as train

        train(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; 'all' for all")
    names = parser.parse_args().groups or [name for name, group in GROUPS.items() if not group.slow]
    names = list(GROUPS) if names == ["all"] else names
    if unknown := [name for name in names if name not in GROUPS]:
        parser.error(f"unknown group {unknown[0]!r}: the groups are {', '.join(GROUPS)}, and cells trains")
    measure(names)


if __name__ == "__main__":
    main()
