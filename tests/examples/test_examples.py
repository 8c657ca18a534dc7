"""Every example runs as its docstring says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

# compare_a_network.py and the tests of the command line take one network: its simulator is built once for both
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PRINTS = {
    "compare_a_network.py": r"bit-exact: True, \d+ values of 4 images compared",
    "compress_in_python.py": r"spikformer: 32 of 32 classes of the integers equal the network's\n"
    r"spikformer: compression .*\nvgg: (\d+) of \1\d weights, spiking over 2 steps",
    "own_network.py": r"own: (\d+) of \1 classes of the integers equal the network's\nown: compression 8\.0x by bits, ",
    "package_by_hand.py": r"horizontal: scores \[64, 0\]\nvertical: scores \[0, 64\]\nLOAD",
}


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example(name, tmp_path):
    done = subprocess.run([sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, timeout=560)
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTS[name], done.stdout), done.stdout
