"""Refuses a tree in which the links spikewright/ROOM came out as text files; all else is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup

ROOMS = ("boards", "compiler", "compress", "cost", "flow", "hdl", "models", "sim", "view")
PACKAGE = Path(__file__).parent / "spikewright"

missing = [room for room in ROOMS if not (PACKAGE / room / "__init__.py").is_file()]
if missing:
    sys.exit(
        f"spikewright: spikewright/{missing[0]} must be a link to the folder {missing[0]}/, but this copy of the "
        "source has no symbolic links: clone it with 'git clone -c core.symlinks=true', not from a .zip archive"
    )
setup()
