"""The helpers of this folder are importable by name, and ``benchmarks`` as a package, as under benchmarks/run.py."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).parent

sys.path.insert(0, str(HERE))
spec = spec_from_file_location("benchmarks", HERE.parents[1] / "benchmarks" / "__init__.py")
sys.modules.setdefault("benchmarks", module_from_spec(spec))
