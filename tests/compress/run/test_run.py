"""A tiny recipe from nothing to a package: exact equality with the integer forward, and identical resumption."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from spikewright.compress.methods.masks import prunable, survivors
from spikewright.compress.methods.quantise import Quantised
from spikewright.compress.methods.tokens import selectors
from spikewright.compress.networks.account import layers_of
from spikewright.compress.networks.build import dense_model, load_quantised
from spikewright.compress.recipe.reading import RecipeError, load_recipe, parse_recipe
from spikewright.compress.run.artefacts import Checkpoints, stage_key
from spikewright.compress.run.preflight import WRITTEN
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages import run as stages
from spikewright.compress.run.stages.run import Lesson, Run, copy_of, task_of
from spikewright.compress.run.stages.teacher import teacher_stage
from spikewright.compress.run.stages.tokens import tokens_stage
from spikewright.compress.training.loop import Phase
from spikewright.cost.storage import compression
from spikewright.files import write_whole
from spikewright.models.graph import SpikingNetwork
from spikewright.models.package import read_package
from spikewright.sim.golden import run as golden
from spikewright.sim.witness import assert_same

TINY = """
name: tiny
data: clutter-digits
seed: 5
model: {dim: 16, depth: 2, heads: 2, steps: 3, mlp_ratio: 2}
training: {batch: 16, images: 48}
teacher: {epochs: 2}
constraints:
  tokens: {keep: 0.6, epochs: 1}
  masks: {sparsity: 0.7, rounds: 2, epochs: 1, rewind: 1}
  quantisers:
    epochs: 1
    gather_epochs: 1
    grid_epochs: 1
    layers:
      "*": {scheme: pot, bits: 3}
      "patch_embed.*": {scheme: uniform, bits: 4, fraction_bits: 1}
      "selector.*.hidden": {scheme: pot, bits: 4}
"""
FILES = ("package", "dense", "quantised")


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def run_folder(recipe_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_recipe(recipe_path, folder)
    return folder


def test_the_run_leaves_whole_files_and_a_log_without_times(run_folder: Path, recipe_path: Path) -> None:
    names = {p.name for p in run_folder.iterdir()}
    assert names == {f"{n}.safetensors" for n in FILES} | {"recipe.yaml", "log.jsonl", "metrics.json", "stages"}
    assert names == {"stages", *WRITTEN} - {"tried.json", "tried.svg"}, "of a run without a target"
    log = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
    assert load_recipe(run_folder / "recipe.yaml") == load_recipe(recipe_path)
    order = list(dict.fromkeys(r["stage"] for r in log))
    assert order == ["teacher", "tokens", "masks-01", "masks-02", "quantisers", "gather", "grid"]
    assert all(set(r) <= {"stage", "epoch", "loss", "validation", "kept"} for r in log)


def test_the_last_round_leaves_the_exact_count(run_folder: Path) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    log = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
    total = metrics["weights"]["total"]
    assert [r["kept"] for r in log if "kept" in r] == [survivors(total, 0.7, 2, 1), survivors(total, 0.7, 2, 2)]
    assert metrics["weights"]["kept"] <= survivors(total, 0.7, 2, 2)
    assert metrics["weights"]["sparsity"] >= 0.7
    assert metrics["pruned"] == pytest.approx(1 - survivors(total, 0.7, 2, 2) / total, abs=1e-6)


def test_the_metrics_give_the_three_compressions(run_folder: Path, recipe_path: Path) -> None:
    ratios = json.loads((run_folder / "metrics.json").read_text())["compression"]
    network = load_quantised(load_recipe(recipe_path), run_folder / "quantised.safetensors")
    layers = layers_of(network)
    dense = sum(layer.weights for layer in layers if layer.kind not in ("hidden", "score"))  # it has no selectors
    everything = sum(layer.weights for layer in layers)
    bits = sum(layer.weights * layer.bits for layer in layers) / everything
    assert ratios["bits"] == pytest.approx(32 / bits, abs=1e-3)
    assert ratios["weights"] == pytest.approx(dense / sum(layer.kept for layer in layers), abs=1e-3)
    assert ratios["stored"] == pytest.approx(compression(layers).stored * dense / everything, abs=1e-3)
    assert set(ratios) == {"bits", "weights", "stored"}
    # 70 % of the weights with the selectors' are pruned, some more are rounded to zero
    assert ratios["weights"] > dense / everything / 0.3


def test_norms_are_estimated_anew_before_they_freeze(run_folder: Path, recipe_path: Path) -> None:
    """On the gathered tokens of all images: the batches of two passes, not what the last few batches left."""
    state = load_file(run_folder / "stages" / "gather.safetensors")
    batches = -(-len(task_of(load_recipe(recipe_path)).epoch(np.random.default_rng(0))) // 16)
    assert {int(state[n]) for n in state if n.endswith("num_batches_tracked")} == {2 * batches}
    assert batches > 1
    last = load_file(run_folder / "stages" / "grid.safetensors")
    assert all(torch.equal(state[n], last[n]) for n in state if "running" in n)


def test_selectors_rest_while_tokens_are_gathered(run_folder: Path) -> None:
    before, after = (load_file(run_folder / "stages" / f"{s}.safetensors") for s in ("quantisers", "grid"))
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert not any(n.startswith("selector.") for n in moved)
    assert "head.weight" in moved


def test_the_last_phase_trains_on_the_packages_grid_with_all_that_makes_it_at_rest(
    run_folder: Path, recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_folder, tmp_path / "run")
    (tmp_path / "run" / "stages" / "grid.safetensors").unlink()
    real, phases = Run.train, []

    def train(run: Run, model: SpikingNetwork, phase: Phase, *more: Any, **named: Any) -> Any:
        phases.append(phase.label)
        assert phase.frozen_norms
        assert {m.exact for m in model.modules() if isinstance(m, Quantised)} == {True}
        assert {s.mode for s in selectors(model)} == {"hard"}
        learns = {n for n, p in model.named_parameters() if p.requires_grad}
        assert not any(n.endswith(".step") or n.startswith("selector.") for n in learns)
        assert not any(n.endswith("bn.weight") for n in learns)
        assert {"head.weight", "block.0.attn.q_linear.weight", "block.0.attn.q_bn.bias"} <= learns
        return real(run, model, phase, *more, **named)

    monkeypatch.setattr(Run, "train", train)
    run_recipe(recipe_path, tmp_path / "run")
    assert phases == ["grid"]
    assert (tmp_path / "run" / "package.safetensors").read_bytes() == (run_folder / "package.safetensors").read_bytes()


def test_fake_quantised_and_golden_are_equal_in_every_class_score_and_spike(
    run_folder: Path, recipe_path: Path
) -> None:
    recipe = load_recipe(recipe_path)
    package = read_package(run_folder / "package.safetensors")
    task = task_of(recipe)
    model = load_quantised(recipe, run_folder / "quantised.safetensors")
    images = task.data.test.images
    rates = assert_same(model, package, images, task.inputs(images))
    assert set(rates) == {op.name for op in package.network.ops if op.kind in ("conv", "linear", "attention")}
    with torch.no_grad():
        choices = model.double().run(task.inputs(images).double()).choices
    trace = golden(package, images)
    assert np.array_equal(np.asarray(trace.kept["selector.1"]), choices[0].numpy())
    assert np.array_equal(package.tensors["record.quantised"], np.asarray(trace.scores).argmax(1))
    assert np.array_equal(package.tensors["record.labels"], task.data.test.labels)
    assert [s.keep for s in selectors(model)] == [9]


def test_an_interrupted_run_ends_with_the_same_bytes(
    run_folder: Path, recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stages.train

    def dies_in_the_second_round(*args: Any, **named: Any) -> Any:
        if args[3].label == "masks-02":
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(stages, "train", dies_in_the_second_round)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe_path, tmp_path)
    assert not (tmp_path / "package.safetensors").exists()
    monkeypatch.setattr(stages, "train", real)
    run_recipe(recipe_path, tmp_path)
    files = sorted(p.relative_to(run_folder) for p in run_folder.rglob("*") if p.is_file())
    assert len(files) > len(FILES) + 3  # the checkpoints too
    for name in files:
        assert (tmp_path / name).read_bytes() == (run_folder / name).read_bytes(), name


def test_a_checkpoint_of_another_recipe_is_refused(run_folder: Path, recipe_path: Path, tmp_path: Path) -> None:
    another = tmp_path / "other.yaml"
    another.write_text(TINY.replace("seed: 5", "seed: 6"))
    with pytest.raises(RecipeError, match="made by another recipe"):
        run_recipe(another, run_folder)


def test_a_later_checkpoint_of_another_recipe_is_refused_at_once(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_folder / "stages", tmp_path / "stages")
    for path in (tmp_path / "stages").glob("masks-*"):
        path.unlink()
    before = sorted(path.name for path in (tmp_path / "stages").iterdir())
    another = tmp_path / "other.yaml"
    another.write_text(TINY.replace("sparsity: 0.7", "sparsity: 0.6"))
    monkeypatch.setattr(stages, "train", lambda *_, **__: pytest.fail("a stage was trained"))
    with pytest.raises(RecipeError, match=r"/quantisers\.safetensors: made by another recipe"):
        run_recipe(another, tmp_path)
    assert sorted(path.name for path in (tmp_path / "stages").iterdir()) == before


@pytest.mark.parametrize("about", ["{", "[3]", "null"])
def test_a_checkpoint_that_tells_nothing_is_not_whole(
    about: str, run_folder: Path, recipe_path: Path, tmp_path: Path
) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "teacher.safetensors", metadata={"stage": about})
    checkpoints = Checkpoints(tmp_path, load_recipe(recipe_path))
    with pytest.raises(RecipeError, match=r"/teacher\.safetensors: not a whole checkpoint "):
        checkpoints.read("teacher")
    (tmp_path / "tokens.safetensors").mkdir()
    with pytest.raises(RecipeError, match=r"/tokens\.safetensors: not a whole checkpoint "):
        checkpoints.check(["masks-01", "tokens"])


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_whole(tmp_path / "package", b"x")
    assert caught.value.filename == str(tmp_path / "package")


def test_a_stage_is_known_by_what_it_depends_on(recipe_path: Path, tmp_path: Path) -> None:
    """Recipes that differ later share the earlier checkpoints; a folder that several recipes use keeps both."""
    recipe, another = load_recipe(recipe_path), parse_recipe(TINY.replace("sparsity: 0.7", "sparsity: 0.6"))
    renamed = parse_recipe(TINY.replace("name: tiny", "name: other"))
    for stage in ("teacher", "tokens"):
        assert stage_key(recipe, stage) == stage_key(another, stage) == stage_key(renamed, stage)
    for stage in ("early", "masks-01", "masks-02", "quantisers", "gather", "grid"):
        assert stage_key(recipe, stage) != stage_key(another, stage)
    assert len({stage_key(recipe, s) for s in ("teacher", "tokens", "masks-01", "grid")}) == 4
    shared = [Checkpoints(tmp_path, r, shared=True) for r in (recipe, another)]
    shared[0].write("teacher", {"a": torch.zeros(3)}, [])
    shared[0].write("masks-01", {"a": torch.ones(3)}, [])
    assert shared[1].read("teacher") is not None
    assert shared[1].read("masks-01") is None


def test_the_early_weights_are_found_again_without_the_run_that_passed_them(
    run_folder: Path, recipe_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "stages").mkdir()
    shutil.copy(run_folder / "stages" / "teacher.safetensors", tmp_path / "stages")
    run = Run.start(load_recipe(recipe_path), Checkpoints(tmp_path / "stages", load_recipe(recipe_path)))
    teacher_stage(run)
    name = "stages/early.safetensors"
    assert (tmp_path / name).read_bytes() == (run_folder / name).read_bytes()


def test_before_the_selectors_stage_no_token_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tokens stage distils from as the previous network answers as the dense one did."""
    recipe = parse_recipe(TINY.replace("tokens: {", "tokens: {teacher: previous, "))
    run = Run.start(recipe, Checkpoints(tmp_path, recipe))
    dense = dense_model(recipe)
    for weight in prunable(dense).values():
        torch.nn.init.normal_(weight, std=0.5)  # so that every layer fires
    start = run.dense = copy_of(dense)
    taught: list[Lesson] = []

    def train(self: Run, model: SpikingNetwork, phase: object, *, lesson: Lesson) -> list[object]:
        taught.append(lesson)
        return []

    monkeypatch.setattr(Run, "train", train)
    tokens_stage(run, start)
    [lesson] = taught
    assert lesson.teacher is not None
    assert lesson.teacher is not run.teacher
    images = run.task.inputs(run.task.data.validation.images[:20])
    answers = lesson.teacher(images)
    assert answers.std(0).min() > 0
    assert torch.equal(answers, run.teacher(images))


def test_a_constraint_may_distil_from_what_the_stage_before_left(tmp_path: Path) -> None:
    recipe = parse_recipe(TINY.replace("masks: {", "masks: {teacher: previous, jitter: true, "))
    run = Run.start(recipe, Checkpoints(tmp_path, recipe))
    dense_state, _ = teacher_stage(run)
    tokens, masks = recipe.constraints.tokens, recipe.constraints.masks
    assert tokens is not None
    assert masks is not None

    def left() -> SpikingNetwork:
        return stages.student(run, dense_state)

    usual = run.lesson(tokens, left)
    assert usual.teacher is run.teacher
    assert usual.task.data is run.task.data
    assert usual.task.table is run.task.table
    assert (usual.task.limit, usual.task.jittered) == (run.task.limit, run.task.jittered)
    lesson = run.lesson(masks, left)
    teacher = lesson.teacher
    assert teacher is not None
    assert teacher is not run.teacher
    assert lesson.task.jittered
    assert not run.task.jittered
    assert [s.mode for s in selectors(teacher)] == ["hard"]
    assert not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())
    another = parse_recipe(TINY)
    assert stage_key(another, "tokens") == stage_key(recipe, "tokens")
    assert stage_key(another, "masks-01") != stage_key(recipe, "masks-01")
