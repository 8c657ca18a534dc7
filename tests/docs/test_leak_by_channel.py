"""docs/leak-by-channel.patch, applied: a leak for each channel is computed as the golden model does, in few files."""

import re
import subprocess

from pages import ROOT, copy_of_the_repository, run

PATCH = ROOT / "docs" / "leak-by-channel.patch"
USE = """
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from spikewright.compiler.compile import compile_package
from spikewright.compiler.front.importer import import_package
from spikewright.compiler.front.interpreter import interpret
from spikewright.compiler.front.ir_json import dump, load
from spikewright.compiler.lower.lowered import LoweringError
from spikewright.compiler.passes import FRONT_PASSES, run_passes
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Network, Package, check
from spikewright.sim.golden import run
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

changed = 0
for seed, compare, reset in [(1, "ge", "hard"), (2, "gt", "hard"), (3, "ge", "soft"), (4, "gt", "soft")]:
    spec = NetworkSpec(height=4, width=4, dim=16, heads=2, depth=1, steps=5, pools=(False,) * 4, selectors=((0, 9),))
    plain, rng = random_package(seed, spec), np.random.default_rng(seed)
    raw, tensors = plain.network.model_dump(mode="json"), dict(plain.tensors)
    for op in raw["ops"]:
        if "neuron" in op:
            op["neuron"] |= {"leak": None, "compare": compare, "reset": reset}
            channels = len(tensors[f"{op['name']}.threshold"])
            tensors[f"{op['name']}.leak"] = rng.integers(0, 17, channels).astype(np.int8)
    network = Network.model_validate(raw)
    check(network, tensors)
    package, images = Package(network, tensors), random_images(seed, 6, spec)
    golden, graph = run(package, images), import_package(package)
    ladder = [graph]
    for step in FRONT_PASSES:
        ladder.append(run_passes(ladder[-1], (step,)))
    ladder.append(load(*dump(ladder[-1])))
    for graph in ladder:
        values = interpret(graph, images)
        for name, expected in golden.values.items():
            assert_array_equal(values[name], expected.numpy(), err_msg=name)
        assert_array_equal(values["head"], golden.scores.numpy())
    changed += sum(int((golden.values[name] != value).sum()) for name, value in run(plain, images).values.items())
    with pytest.raises(LoweringError, match="a leak for each channel is not built yet"):
        compile_package(package, Shape(tokens=4, steps=2, banks=2))
assert changed > 1000
print("equal")
"""


def test_a_leak_for_each_channel(tmp_path):
    copy = copy_of_the_repository(tmp_path / "copy")
    subprocess.run(["git", "apply", "--unsafe-paths", f"--directory={copy}", PATCH], cwd=copy, check=True)
    files = re.findall(r"^diff --git a/(\S+) ", PATCH.read_text(), re.MULTILINE)
    assert all((copy / name).read_text() != (ROOT / name).read_text() for name in files)
    assert 0 < len(files) <= 11
    (copy / "use.py").write_text(USE)
    assert run(copy, "-P", "use.py") == "equal\n"
