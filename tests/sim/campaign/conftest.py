"""The networks of the accelerator's tests are importable here too: their simulators are built once for both."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "accelerator"))
