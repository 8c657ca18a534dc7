"""The files that the tests of models/formats/ write serve the tests of models/data/ too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "formats"))
