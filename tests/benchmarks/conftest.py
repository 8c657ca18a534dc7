"""The folder ``benchmarks`` is a package here as it is under benchmarks/run.py, wherever pytest is started."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

spec = spec_from_file_location("benchmarks", BENCHMARKS / "__init__.py")
assert spec is not None
sys.modules.setdefault("benchmarks", module_from_spec(spec))
