"""docs/add-an-op.md, done: a toy op in as many files as the page says, from the package to the accelerator."""

import subprocess

from pages import ROOT, apply, copy_of_the_repository, run

PAGE = ROOT / "docs" / "add-an-op.md"
USE = """
from pathlib import Path

import numpy as np

from spikewright.compiler.compile import compile_package
from spikewright.compiler.front.importer import import_package
from spikewright.compiler.front.interpreter import interpret
from spikewright.compiler.front.ir_json import dump, load
from spikewright.compiler.passes import run_passes
from spikewright.compiler.target.structure import Shape
from spikewright.models.package import Network, Package, check, read_package, write_package
from spikewright.sim.accelerator.compare import compare
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import build_simulator
from spikewright.sim.golden import run
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

import spikewright

assert Path(spikewright.__file__).is_relative_to(Path.cwd())
spec = NetworkSpec(height=4, width=8, dim=8, heads=2, depth=1, mlp_ratio=1, steps=3, pools=(False, True, False, False))
plain = random_package(3, spec)
raw = plain.network.model_dump(mode="json")
for op in raw["ops"]:
    if op.get("input") == "sps1.pool":
        op["input"] = "wide"
at = next(i for i, op in enumerate(raw["ops"]) if op["name"] == "sps1.pool")
raw["ops"].insert(at + 1, {"kind": "dilate", "name": "wide", "input": "sps1.pool"})
network = Network.model_validate(raw)
check(network, plain.tensors)
write_package(Package(network, plain.tensors), Path("toy.safetensors"))
package = read_package(Path("toy.safetensors"))

images = random_images(4, 3, spec)
golden = run(package, images)
wide, narrow = (golden.values[name].double().mean() for name in ("wide", "sps1.pool"))
assert 0.02 < narrow < wide < 0.98, (narrow, wide)
graph = import_package(package)
for graph in (graph, run_passes(graph), load(*dump(run_passes(graph)))):
    values = interpret(graph, images)
    for name, expected in golden.values.items():
        assert np.array_equal(values[name], expected.numpy()), name
    assert np.array_equal(values["head"], golden.scores.numpy())

program = compile_package(package, Shape(tokens=4, steps=2, banks=2, skip=False))
built = build_simulator(program.structure, optimise="-O0")
comparison = compare(SimulatedNetwork.of_program(program, package, Path("run")), built, images)
assert comparison.bit_exact, comparison.first
assert comparison.counters[:, 0].tolist() == [3 * cycles for cycles in program.predicted_cycles]
print("exact", comparison.values)
"""


def test_a_toy_op(tmp_path):
    copy = copy_of_the_repository(tmp_path / "copy")
    files = apply(PAGE, copy)
    assert len(files) == len(set(files)) == 7
    assert "takes seven files" in PAGE.read_text()
    differ = subprocess.run(["git", "diff", "--no-index", "--name-only", ROOT / "compiler", copy / "compiler"],
                            capture_output=True, text=True).stdout.split()  # fmt: skip
    assert {name for name in files if name.startswith("compiler/")} == {
        name[name.index("/compiler/") + 1 :] for name in differ if name.endswith(".py")
    }
    (copy / "use.py").write_text(USE)
    assert run(copy, "-P", "use.py").startswith("exact ")
