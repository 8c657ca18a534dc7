"""A tiny run of every method, from a recipe to a package whose integers are the trained network's.

Spike by spike on every test image; frames of events, which are many times as large, on 40 of them.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from spikewright.compress.networks.build import load_quantised
from spikewright.compress.networks.export import export_package
from spikewright.compress.recipe.reading import RecipeError, load_recipe, parse_recipe
from spikewright.compress.run.rehearsal import rehearse
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages import run as stages
from spikewright.compress.run.stages.run import task_of
from spikewright.compress.training.loop import predict
from spikewright.models.neurons import PlasticLIF
from spikewright.models.package import Package, read_package
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.sim.witness import assert_same

SPIKFORMER = """
model: {dim: 16, depth: 2, heads: 2, steps: 3, mlp_ratio: 2}
training: {batch: 16, images: 48}
teacher: {epochs: 1}
constraints:
"""
CONVOLUTIONS = """
training: {batch: 16, images: 48}
teacher: {epochs: 1, rate: 0.001}
constraints:
"""
FIXED = '  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}\n'
SEARCH = """
  quantisers: {method: search, target_bits: 3.4, search_epochs: 1, epochs: 1, gather_epochs: 1, grid_epochs: 1}
"""
RECIPES = {
    "all-together": "data: clutter-digits"
    + SPIKFORMER
    + """
  structure: {qk: 0.5, v: 0.5, hidden: 0.75, stream_limit: 3, epochs: 1}
  tokens: {keep: 0.6, fill: 4, epochs: 1}
  masks: {sparsity: 0.5, rounds: 2, epochs: 1, rewind: 1, banks: 4}
  neuron: {kind: slif, epochs: 1}
"""
    + SEARCH,
    "norms-l1p-leak": "data: 'clutter-digits:1'"
    + SPIKFORMER.replace("steps: 3", "steps: 3, input_scale: 0.03125")
    + """
  structure: {qk: 1.0, v: 0.5, hidden: 0.5, epochs: 1, score: norm}
  masks: {method: l1p, sparsity: 0.6, epochs: 1}
  neuron: {kind: leak, epochs: 1}
"""
    + FIXED,
    "guided-vgg": "data: digits\nmodel: {family: vgg, depth: 11, width_factor: 0.1, steps: 2}"
    + CONVOLUTIONS
    + "  masks: {method: attention-guided, sparsity: 0.7, epochs: 2, rate: 0.001}\n"
    + FIXED,
    "guided-resnet-channels": "data: digits\nmodel: {family: resnet, depth: 12, width_factor: 0.15, steps: 2, pool: or}"
    + CONVOLUTIONS
    + "  masks: {method: attention-guided, channels: true, sparsity: 0.6, epochs: 1, rate: 0.001}\n"
    + SEARCH,
    "magnitude-resnet-search": "data: digits\nmodel: {family: resnet, depth: 12, width_factor: 0.1, steps: 2}"
    + CONVOLUTIONS
    + "  masks: {method: magnitude, sparsity: 0.5, epochs: 1, rate: 0.001}\n"
    + SEARCH,
    "magnitude-vgg": "data: digits\nmodel: {family: vgg, depth: 11, width_factor: 0.1, steps: 2}"
    + CONVOLUTIONS
    + "  masks: {method: magnitude, sparsity: 0.7, epochs: 1, rate: 0.001}\n"
    + FIXED,
}

EVENTS = (
    """data: 'event-digits:0'
input_bits: 3
model: {height: 64, width: 64, channels: 2, dim: 16, depth: 1, heads: 2, steps: 8, mlp_ratio: 2, pools: [1, 2, 3, 4]}
training: {batch: 16, images: 32}
teacher: {epochs: 1}
constraints:
"""
    + FIXED
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a recipe from beginning to end, which is made when it is first asked for: its folder."""

    @cache
    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        run_recipe(recipe_file(name, folder), folder / "run")
        return folder / "run"

    return made


def recipe_file(name: str, folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(f"name: {name}\nseed: 3\n{(RECIPES | {'events': EVENTS})[name]}")
    return path


def check(folder: Path, *, images: int | None = None) -> tuple[Package, dict[str, object]]:
    """Package and metrics of a run, after the package was compared with the trained network."""
    package, recipe = read_package(folder / "package.safetensors"), load_recipe(folder / "recipe.yaml")
    task = task_of(recipe)
    network = load_quantised(recipe, folder / "quantised.safetensors")
    test = task.data.test
    classes = predict(network, task, test, double=True)
    assert np.array_equal(classes, package.tensors["record.quantised"])
    compared = test.images[:images]
    assert_same(network, package, compared, task.inputs(compared))
    return package, json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_ends_in_a_package_that_is_the_trained_network(name: str, whole_run: Callable[[str], Path]) -> None:
    folder = whole_run(name)
    package, metrics = check(folder)
    weights = metrics["weights"]
    assert isinstance(weights, dict)
    ops = {op.name: op for op in package.network.ops}
    if name == "all-together":
        assert weights["average_bits"] <= 3.4
        assert weights["sparsity"] >= 0.5
        assert weights["tokens"] == [16, 8]
        assert {op.limit for op in ops.values() if op.kind == "add"} == {3}
        assert ops["block.0.attn.q_linear"].channels == 8
        assert ops["block.1.mlp.fc1_linear"].channels == 24
    if name == "norms-l1p-leak":
        codes = package.tensors["block.0.mlp.fc1_linear.codes"]
        assert np.count_nonzero(codes) <= codes.size * 0.4
        assert package.tensors["block.0.attn.v_linear.codes"].shape[0] == 8
        assert package.tensors["block.0.attn.q_linear.codes"].shape[0] == 16
    if name in ("guided-vgg", "magnitude-vgg"):
        assert weights["sparsity"] >= 0.7
    if name == "magnitude-resnet-search":
        matrices = [tensor for key, tensor in package.tensors.items() if key.endswith("shortcut.codes")]
        assert matrices
        assert all(np.count_nonzero(matrix) < matrix.size for matrix in matrices)
    if name == "guided-resnet-channels":
        assert weights["total"] < 0.42 * sum(
            p.numel() for n, p in load_file(folder / "dense.safetensors").items() if p.dim() > 1
        )
        assert any(getattr(op, "shortcut", None) for op in ops.values())


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("all-together", "tokens"),
        ("all-together", "search"),
        ("norms-l1p-leak", "neuron"),
        ("guided-vgg", "masks-snn"),
        ("guided-resnet-channels", "masks-ann"),
        ("magnitude-resnet-search", "quantisers"),
    ],
)
def test_a_run_that_goes_on_from_a_stage_ends_with_the_same_bytes(
    name: str, stage: str, tmp_path: Path, whole_run: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = recipe_file(name, tmp_path), stages.train

    def dies(*args: Any, **named: Any) -> Any:
        if args[3].label == stage:
            torch.rand(7)  # whatever is drawn before an interruption
            raise KeyboardInterrupt
        return real(*args, **named)

    uncut = whole_run(name)
    monkeypatch.setattr(stages, "train", dies)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(path, tmp_path / "cut")
    monkeypatch.setattr(stages, "train", real)
    run_recipe(path, tmp_path / "cut")
    whole, cut = (
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (uncut, tmp_path / "cut")
    )
    assert len(whole) > 8
    assert cut == whole


def test_a_users_own_network_is_compressed_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mynet.py").write_text(
        "from spikewright.models.spikformer import Spikformer, SpikformerConfig\n"
        "def build(dim):\n    return Spikformer(SpikformerConfig(dim=dim, depth=1, heads=2, steps=2, mlp_ratio=2))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    torch.manual_seed(9)
    mine = Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, steps=2, mlp_ratio=2))
    save_file(mine.state_dict(), tmp_path / "best.safetensors")
    text = f"""data: digits
model: {{factory: "mynet:build", arguments: {{dim: 16}}, checkpoint: {tmp_path}/best.safetensors}}
training: {{batch: 16, images: 48}}
teacher: {{epochs: 0}}
constraints:
  masks: {{method: l1p, sparsity: 0.5, epochs: 1}}
{FIXED}"""
    (tmp_path / "mine.yaml").write_text(f"name: mine\nseed: 3\n{text}")
    run_recipe(tmp_path / "mine.yaml", tmp_path / "run")
    check(tmp_path / "run")
    dense = load_file(tmp_path / "run" / "dense.safetensors")
    assert all(torch.equal(dense[n], t) for n, t in mine.state_dict().items())


def test_frames_of_an_event_camera(whole_run: Callable[[str], Path]) -> None:
    package, _ = check(whole_run("events"), images=40)
    assert package.network.input.frames
    assert not package.network.input.signed
    assert package.tensors["input.table"].max() == 7


@pytest.mark.parametrize("name", [*RECIPES, "events"])
def test_lively_networks_equal_their_packages_spike_by_spike(name: str) -> None:
    """What a tiny training leaves hardly fires: here norms, thresholds and leaks are drawn so that every layer does."""
    recipe = parse_recipe(f"name: {name}\nseed: 3\n" + (RECIPES | {"events": EVENTS})[name])
    network, task = rehearse(recipe), task_of(recipe)
    rng = torch.Generator().manual_seed(4)

    def draw(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.copy_(torch.rand(tensor.shape, generator=rng) * (high - low) + low)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                draw(module.weight, 1.0, 3.0)
                draw(module.bias, 0.2, 1.6)
                draw(module.running_var, 0.05, 0.3)
            if isinstance(module, PlasticLIF):
                if recipe.model.family in ("vgg", "resnet"):
                    draw(module.level, 0.02, 0.1)
                draw(module.leak, 0.2, 1.0)
    few = task.data.test.images[:6]
    rates = assert_same(network, export_package(network, recipe, task), few, task.inputs(few))
    assert 0.02 < np.mean(list(rates.values())) < 0.98, rates
    assert sum(0.02 < rate < 0.98 for rate in rates.values()) > 0.7 * len(rates), rates


def test_what_cannot_be_is_refused_before_or_instead_of_training(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    text = "name: r\ndata: digits" + SPIKFORMER + "  tokens: {method: random, keep: [9], epochs: 1}\n" + FIXED
    path.write_text(text)
    with pytest.raises(RecipeError, match="is a control for benchmarks; no package can hold it"):
        run_recipe(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
