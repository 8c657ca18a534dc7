"""Shared by the tests of compress/: training/small.py is read by the processes that torchrun starts, too."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE / "checkpoint"),  # nir_graphs.py runs NIR graphs by its equations
    str(HERE / "training"),
    str(HERE.parent / "models" / "formats"),  # published_files.py writes data sets
]
