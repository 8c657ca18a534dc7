"""Shared by the tests of models/formats/: format_files.py writes the files, byte by byte and without the readers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
