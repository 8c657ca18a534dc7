"""Cells on the lottery's trajectory, computed on a tiny network: what their controls share with it, and what not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.compression import engine_cells, lottery_cells, protocol, search_cells, train
from benchmarks.compression.protocol import Answer
from spikewright.compress.methods.masks import Masks, prunable, pruned_share
from spikewright.compress.methods.tokens import set_mode
from spikewright.compress.networks.account import layers_of
from spikewright.compress.run.stages.run import Run
from spikewright.compress.training.loop import Phase
from spikewright.cost.energy import ACCESS_PJ_A_BIT
from spikewright.models.graph import SpikingNetwork

TINY = """
data: "clutter-digits:FOLD"
model: {dim: 32, depth: 2, heads: 2, steps: 1, mlp_ratio: 1}
training: {batch: 16, images: 16, jitter: true}
teacher: {epochs: 3}
constraints:
  tokens: {keep: 0.5, hidden: 4, epochs: 1}
  masks: {sparsity: 0.5, rounds: 11, epochs: 1, rewind: 2, jitter: false}
  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}
"""


class Watch:
    """What the cells trained, by label, and what they handed over to be finished, by stage."""

    def __init__(self) -> None:
        self.trained: dict[str, tuple[int, bool, bool]] = {}
        self.begun: dict[str, dict[str, torch.Tensor]] = {}
        self.finished: dict[str, tuple[SpikingNetwork, Masks]] = {}

    def train(self, run: Run, model: SpikingNetwork, phase: Phase, terms: Any = (), lesson: Any = None) -> Any:
        task, teacher = (run.task, run.dense) if lesson is None else (lesson.task, lesson.teacher)
        epochs = phase.epochs if phase.stop is None else phase.stop
        self.trained[phase.label] = (epochs, task.jittered, teacher is not None)
        self.begun[phase.label] = {n: p.detach().clone() for n, p in prunable(model).items()}
        return REAL(run, model, phase, terms, lesson)

    def finish(self, run: Run, network: SpikingNetwork, masks: Masks, stage: str, schedule: Any = None) -> Any:
        self.finished[stage] = network, masks
        set_mode(network, hard=True)
        return network.eval()


REAL = Run.train


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watch, dict[str, Answer]]]:
    watch, folder = Watch(), tmp_path_factory.mktemp("cells")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "STORE", folder)
        patch.setattr(Run, "train", lambda *given, **named: watch.train(*given, **named))
        for module in (lottery_cells, engine_cells):
            patch.setattr(module, "LOTTERY", TINY)
            patch.setattr(module, "finished", watch.finish)
        yield watch, {"control": lottery_cells.control(0), "balanced": engine_cells.balanced(0)}


def test_new_weights_have_the_lotterys_masks_and_the_training_of_the_rewound_ones(computed: Any) -> None:
    watch, answers = computed
    for number in (10, 11):
        stage = f"masks-{number}-anew"
        network, masks = watch.finished[stage]
        pruned, _ = lottery_cells.lottery_round(protocol.begin(TINY, 0), number)
        assert masks
        for name, mask in masks.items():
            assert torch.equal(mask, pruned[name] != 0), name
            assert not bool(prunable(network)[name][~mask].any())
        # as long as the teacher until the rewind, on bent digits, by itself; then as a round
        assert watch.trained[f"{stage}-early"] == (2, True, False)
        assert watch.trained[stage] == watch.trained[f"masks-{number}"] == (1, False, True)
        first = watch.begun[f"{stage}-early"]
        assert all(not torch.equal(weight, watch.begun["teacher"][name]) for name, weight in first.items())
        assert len(answers["control"][str(number)]) == len(protocol.begin(TINY, 0).task.data.test)
    assert watch.trained["teacher"] == (3, True, False)


def test_equal_banks_keep_as_many_weights_as_the_round_and_begin_with_the_same(computed: Any) -> None:
    watch, answers = computed
    for number in (8, 10):
        plain, balanced = (watch.finished[f"masks-{number:02d}{end}"][1] for end in ("", "-balanced"))
        kept, fewer = (sum(int(mask.sum()) for mask in masks.values()) for masks in (plain, balanced))
        assert kept - engine_cells.BANKS < fewer <= kept
        assert watch.trained[f"masks-{number:02d}-balanced"] == watch.trained[f"masks-{number:02d}"]
        early = watch.begun["masks-01"]
        for name, weight in watch.begun[f"masks-{number:02d}-balanced"].items():
            both = balanced[name] & (early[name] != 0)
            assert torch.equal(weight[both], early[name][both]), name
        assert answers["balanced"][str(number)]["gone"] >= pruned_share(watch.finished[f"masks-{number:02d}"][0])


def test_the_searchs_dense_network_is_trained_as_long_as_the_search_and_its_energy_is_that_of_floats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    monkeypatch.setattr(protocol, "STORE", tmp_path)
    monkeypatch.setattr(Run, "train", lambda *given, **named: watch.train(*given, **named))
    monkeypatch.setattr(search_cells, "LONGER", {"digits": TINY})
    monkeypatch.setattr(search_cells, "EPOCHS", (1, 0, 1, 1))
    monkeypatch.setattr(search_cells, "ENERGY_IMAGES", 4)
    answer = search_cells.longer_digits(0)
    epochs = [(epochs, bent) for label, (epochs, bent, _) in watch.trained.items() if "finish" in label]
    assert epochs == [(2, True), (1, True)]
    run = protocol.begin(TINY, 0)
    lottery_cells.dense(run)
    assert len(answer["classes"]) == len(answer["dense"]) == len(run.task.data.test) == len(answer["labels"])
    # nothing is pruned and every weight has 32 bits: its reads alone are more than the additions of 8-bit codes
    assert answer["energy"]["b"] > 32 * sum(layer.weights for layer in layers_of(run.teacher)) * ACCESS_PJ_A_BIT
    assert answer["energy"]["a"] > 0


def test_a_cell_is_computed_once_on_its_fold_with_the_folds_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, str | object]] = []

    def answer(fold: int) -> Answer:
        recipe = protocol.recipe_of(TINY, fold)
        asked.append((recipe.seed, recipe.data))
        return {"classes": [fold]}

    monkeypatch.setattr(protocol, "DATA", tmp_path / "cells")
    monkeypatch.setattr(train, "CELLS", {"tiny": protocol.Cell(answer, {"": TINY})})
    for _ in range(2):
        train.compute("tiny", 3, again=False)
    assert asked == [(4, "clutter-digits:3")]
    assert capsys.readouterr().out.splitlines()[-1] == "tiny:3: computed before"
    train.compute("tiny", 3, again=True)
    assert len(asked) == 2
    assert train.folds_of("tiny:3") == ("tiny", [3])
    assert train.folds_of("tiny") == ("tiny", [0, 1, 2, 3, 4])
    for wrong in ("tiny:5", "tiny:", "tiny:03", "tinny:0", "tinny"):
        with pytest.raises(SystemExit, match="there is no cell"):
            train.folds_of(wrong)
