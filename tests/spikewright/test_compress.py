"""spikewright compress: the rehearsal, what a run tried, and what is refused before anything is trained."""

import dataclasses
import json
import re
import runpy
import sys
import tempfile

import pytest
import torch

from spikewright.boards.registry import board_names, load_board
from spikewright.commands.dry_run import expected_cycles
from spikewright.commands.tried import Point, is_best, picture
from spikewright.compress.methods.guided import set_thresholds
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.build import dense_model
from spikewright.compress.recipe.reading import load_recipe
from spikewright.compress.run import runner
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.stages import guided
from spikewright.compress.run.stages.run import Run
from spikewright.compress.run.tried import tried
from spikewright.cost.estimate import estimate_rom_bits
from spikewright.cost.latency import best_on, descriptor_cycles
from spikewright.cost.shape import Shape
from spikewright.cost.work import dense_macs
from spikewright.flow.fitting import fitted, price
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package

RECIPE = """
name: tiny
data: digits
model: {dim: 16, depth: 2, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 16, images: 32}
teacher: {epochs: 2}
target: {board: ulx3s-25f}
constraints:
  structure: {hidden: 0.5, epochs: 1}
  tokens: {keep: [6], epochs: 1}
  masks: {sparsity: 0.5, rounds: 1, epochs: 1, final_epochs: 3, rewind: 1}
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""

CONVERTED = """
data: digits
model: {family: vgg, depth: 11, width_factor: 0.05, steps: 2}
training: {batch: 16, images: 32}
teacher: {epochs: 1}
target: {board: ulx3s-25f}
constraints:
  masks: {method: magnitude, sparsity: 0.3, epochs: 1}
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """recipe.yaml in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


def test_a_dry_run_tells_and_writes_nothing(recipe, run, monkeypatch):
    temporary = recipe.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    result = run("compress", recipe, "--dry-run", "-o", "never")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in recipe.parent.iterdir()) == ["recipe.yaml", "temporary"]
    assert all(path.name.startswith("torchinductor_") for path in temporary.iterdir())  # PyTorch's own cache
    text = result.stdout
    stages = re.findall(r"^ ([a-z]+(?:-\d+)?) +(\d+) *$", text, re.MULTILINE)
    assert stages == [
        ("teacher", "2"), ("structure", "1"), ("tokens", "1"), ("masks-01", "3"), ("quantisers", "1"), ("gather", "1"),
        ("grid", "1"),
    ]  # fmt: skip
    size = re.search(r"expected size: (\d+) of (\d+) weights kept, 4\.00 bits on average; compression 8\.0x by", text)
    assert size is not None, text
    kept, total = map(int, size.groups())
    assert 0.48 * total < kept <= 0.5 * total  # a few more are rounded to zero
    work = re.search(r"^expected work: (0\.\d{4}) GFLOPs an image, dense (0\.\d{4}) \(multiply-acc", text, re.MULTILINE)
    assert work is not None, text
    assert 0 < float(work[1]) < float(work[2])
    shape = r"\d+ lanes \(\d+ tokens x \d steps\), \d banks?, \d streams?"
    assert re.search(rf"^expected cycles: about \d{{3,}} an image on ulx3s-25f, {shape}$", text, re.M)
    assert re.search(r"^time: about 0:\d\d:\d\d on this machine, 10 epochs$", text, re.M)


def test_what_a_run_tried(recipe, run):
    result = run("compress", recipe, "-o", "run")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "package: run/package.safetensors",
        "tried: run/tried.svg",
        "to look at: run/report.html",
    ]
    epochs = [line for line in result.stderr.splitlines() if re.match(r"[a-z]+(-\d+)? \d+ loss ", line)]
    assert len(epochs) == 10
    assert "note:" not in result.stderr
    assert all(re.search(r" left 0:\d\d:\d\d$", line) for line in epochs)
    assert epochs[-1].endswith(" left 0:00:00")
    folder = recipe.parent / "run"
    points = [Point(**point) for point in json.loads((folder / "tried.json").read_text())]
    assert [point.stage for point in points] == ["teacher", "structure", "tokens", "masks-01", "grid"]
    assert all(point.best == is_best(point, points) for point in points)
    assert any(point.best for point in points)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    ends = {record["stage"]: record["validation"] for record in log if "validation" in record}
    assert all(point.validation == ends[point.stage] for point in points)
    assert picture(points, "tiny on ulx3s-25f") == (folder / "tried.svg").read_bytes()
    assert points[1].bits < points[0].bits  # half of the MLP is gone
    assert points[3].bits < points[2].bits  # half of the weights
    loaded = load_recipe(recipe)
    networks = tried(Run.start(loaded, Checkpoints(folder / "stages", loaded)))
    packages = {network.stage: network.package for network in networks}
    work = json.loads((folder / "metrics.json").read_text())["gflops"]
    whole = dense_macs(layers_of(dense_model(loaded)))
    assert work["dense"] == whole / 1e9 > work["compressed"] > 0.5 * work["dense"]
    select = {stage: any(op.kind == "select" for op in p.network.ops) for stage, p in packages.items()}
    assert select == {"teacher": False, "structure": False, "tokens": True, "masks-01": True, "grid": True}
    (folder / "stages" / "search.safetensors").write_bytes(b"of another recipe, which searched")
    assert run("compress", recipe, "-o", "run").stdout == result.stdout
    recipe.write_text(RECIPE.replace("target: {board: ulx3s-25f}\n", ""))
    written = ["package: run/package.safetensors", "to look at: run/report.html"]
    assert run("compress", recipe, "-o", "run").stdout.splitlines() == written
    assert not {path.name for path in folder.iterdir()} & {"tried.json", "tried.svg"}  # they were of a board


def test_a_recipe_that_changes_while_it_trains_does_not_change_the_run(recipe, run, monkeypatch):
    real = runner.run_stages

    def run_stages(begun):
        recipe.unlink()
        return real(begun)

    monkeypatch.setattr(runner, "run_stages", run_stages)
    result = run("compress", recipe, "-o", "run")
    assert result.exit_code == 0, result.output
    assert {"tried.json", "tried.svg", "package.safetensors"} <= {
        path.name for path in (recipe.parent / "run").iterdir()
    }


def test_the_best_are_those_that_none_beats_in_everything():
    a = Point("a", 90.0, 1000, 500)
    faster, better, smaller = (dataclasses.replace(a, **change) for change in (
        {"cycles": 900}, {"validation": 91.0}, {"bits": 400}
    ))  # fmt: skip
    assert is_best(a, [a])
    assert is_best(a, [a, dataclasses.replace(a, stage="equal")])
    for rival in (faster, better, smaller):
        assert not is_best(a, [a, rival])
        assert is_best(rival, [a, rival])
    slower = dataclasses.replace(better, cycles=1001)
    assert is_best(a, [a, slower])
    assert is_best(slower, [a, slower])
    estimated = dataclasses.replace(better, estimated=True, refused="the network is too large")
    assert is_best(a, [a, estimated])  # of another engine: neither says anything about the other
    assert is_best(estimated, [better, faster, estimated])
    assert not is_best(estimated, [estimated, dataclasses.replace(estimated, cycles=900)])


def test_a_plot_is_the_same_each_time_and_stands_without_points():
    points = [
        Point("a", 90.0, 1000, 500, best=True),
        Point("b", 80.0, 800, 300),
        Point("r", 99.0, 900, 400, True, "no"),
    ]
    assert picture(points, "t") == picture(points, "t") != picture(points[:1], "t")
    assert b"<svg" in picture([], "t")
    labels = {True: b"<!-- estimated by the cost model -->", False: b"<!-- by the compiler -->"}
    for shown in (points, points[:2], points[2:]):
        svg = picture(shown, "t")
        assert all(f"<!-- {point.stage} -->".encode() in svg for point in shown)
        for estimated, label in labels.items():
            assert (label in svg) == any(point.estimated == estimated for point in shown)


def test_what_does_not_fit_the_board_is_estimated(tmp_path, run):
    """Nothing is dropped: cycles and bits are those that --dry-run would tell, and say so."""
    (tmp_path / "vgg.yaml").write_text(CONVERTED.replace("width_factor: 0.05", "width_factor: 0.25"))
    result = run("compress", tmp_path / "vgg.yaml", "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output
    points = [Point(**point) for point in json.loads((tmp_path / "run" / "tried.json").read_text())]
    assert [point.stage for point in points] == ["masks-snn", "grid"]
    assert all(point.estimated and "too large" in point.refused for point in points)
    first, *_ = " ".join(result.stderr.split()).split(" teacher 1 loss ")
    note = "what ulx3s-25f takes ... note: ulx3s-25f is not expected to take the network: "
    assert first.startswith(f"{note}the network is too large for ulx3s-25f: ")
    loaded = load_recipe(tmp_path / "vgg.yaml")
    networks = list(tried(Run.start(loaded, Checkpoints(tmp_path / "run" / "stages", loaded))))
    for point, network in zip(points, networks, strict=True):
        assert point.cycles == sum(cycles for _, cycles in descriptor_cycles(network.work, Shape()))
        assert point.bits == estimate_rom_bits(best_on(network.work.description, Shape())[1].layers, Shape()).total
        board = load_board("ulx3s-25f")
        forecast = expected_cycles(price(network.package, network.work, board), board)
        assert forecast.startswith(
            f"expected cycles: about {point.cycles} an image on 64 lanes (16 tokens x 4 steps), 4 banks, 1 stream, "
            "by the cost model"
        )
        assert forecast.endswith(point.refused)
    assert points[1].bits < points[0].bits  # 4 bits of 8
    assert b"estimated by the cost model" in (tmp_path / "run" / "tried.svg").read_bytes()


def test_an_ann_that_cannot_become_an_snn_is_a_sentence(tmp_path, run, monkeypatch):
    def silenced(network, *rest):
        torch.nn.init.zeros_(network.unit[2].synapse.weight)
        return set_thresholds(network, *rest)

    monkeypatch.setattr(guided, "set_thresholds", silenced)
    (tmp_path / "vgg.yaml").write_text(CONVERTED)
    result = run("compress", tmp_path / "vgg.yaml", "-o", tmp_path / "run")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    text = "error: unit.2: what its neurons read is never positive, so they never fire: train the ANN longer"
    assert result.stderr.splitlines()[-1] == text


def test_what_does_not_fit_a_board_is_a_sentence():
    spec = NetworkSpec(height=4, width=4, dim=8, heads=2, depth=1, pools=(False,) * 4)
    board = load_board("ulx3s-25f")
    large = random_package(3, dataclasses.replace(spec, dim=256, sparsity=0.0))
    assert str(fitted(large, board)).startswith("the network is too large for ulx3s-25f")
    assert fitted(random_package(3, spec), board).shape.lanes


REFUSED = {
    "board: ulx3s-25f": (
        "board: ulx4",
        f"PATH: target.board: unknown board 'ulx4'; did you mean 'ulx3s-45f'\\? All are {', '.join(board_names())}",
    ),
    "sparsity: 0.5": ("sparsity: 0.9999", r"PATH: constraints\.masks: masks must .*: prune less.*"),
    "tokens: {keep: [6], epochs: 1}": ("tokens: {method: random}", "PATH: tokens.method 'random' is a control for .*"),
    '"*"': ('"*.mlp"', r"PATH: quantisers\.layers: '\*\.mlp' matches none of the layers patch_embed.proj_conv, .*"),
}


@pytest.mark.parametrize("words", [["-o", "run"], ["--dry-run"]], ids=["run", "dry-run"])
@pytest.mark.parametrize("old", REFUSED)
def test_a_run_that_cannot_end_well_does_not_begin(old, words, recipe, refused):
    new, text = REFUSED[old]
    recipe.write_text(RECIPE.replace(old, new))
    assert re.fullmatch(text.replace("PATH", re.escape(str(recipe))), refused("compress", recipe, *words))
    assert [path.name for path in recipe.parent.iterdir()] == ["recipe.yaml"]


def test_a_run_needs_a_folder(recipe, refused):
    text = refused("compress", recipe)
    assert text == "--output is missing: the folder of the run (or --dry-run, which writes nothing)"
    assert [path.name for path in recipe.parent.iterdir()] == ["recipe.yaml"]


def test_python_runs_the_package(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["spikewright", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("spikewright", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("spikewright ")
