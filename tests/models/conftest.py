"""What several tests of this room use: files of data sets, and a network with every op."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("formats", "package")]
