"""Shared by the tests of compress/: small.py is read by the processes that torchrun starts, too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
