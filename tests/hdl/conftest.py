"""Shared by the tests of hdl/: the structures and the runner are in structures.py, which the benches read too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config):
    """Constructors that refuse their arguments leave elaboratables behind that were never used."""
    config.addinivalue_line("filterwarnings", "ignore:.*created but never used")
