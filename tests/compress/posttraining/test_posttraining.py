"""Quantisation without training: corrected, measured layer by layer, searched."""

import copy
from pathlib import Path

import pytest
import torch

from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.methods.quantise import QuantFormat
from spikewright.compress.networks.build import layer_names, load_dense
from spikewright.compress.posttraining import correct as correcting
from spikewright.compress.posttraining.change import measure
from spikewright.compress.posttraining.correct import quantised, reestimate_norms
from spikewright.compress.posttraining.formats import matched, wanted
from spikewright.compress.posttraining.layers import walk
from spikewright.compress.posttraining.sensitivity import chosen, label, sensitivities
from spikewright.compress.recipe.fractions import fitting
from spikewright.compress.recipe.reading import load_recipe
from spikewright.compress.run.stages.run import task_of
from spikewright.models.graph import SpikingNetwork, graph_of

PACKAGE = Path(__file__).parents[3] / "packages" / "digits"


@pytest.fixture(scope="module")
def trained() -> tuple[SpikingNetwork, torch.Tensor]:
    """The dense teacher of ``digits`` and 16 training images as it reads them."""
    recipe = load_recipe(PACKAGE / "recipe.yaml")
    task = task_of(recipe)
    return load_dense(recipe, PACKAGE / "dense.safetensors"), task.inputs(task.data.train.images[:16])


def formats(network: SpikingNetwork, fmt: QuantFormat) -> dict[str, QuantFormat]:
    return fitting(network, dict.fromkeys(layer_names(network), fmt), finest=5)


def test_walking_op_by_op_is_running(trained) -> None:
    network, images = trained
    with torch.no_grad():
        *_, (op, _, _, scores) = walk(network, images)
        assert op.kind == "head"
        assert torch.equal(scores, network(images))


def test_the_float_network_stays_and_eight_bits_change_little(trained) -> None:
    network, images = trained
    before = copy.deepcopy(network.state_dict())
    change = measure(network, quantised(network, formats(network, QuantFormat("uniform", 8)), images), images)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert list(change.layers) == [op.name for op in graph_of(network).ops]
    alone = [row.alone for row in change.layers.values() if row.alone is not None]
    assert len(alone) == 17
    assert max(alone) < 0.01
    assert change.agreement == change.images == 16
    assert all(0.5 < row.used <= 1 for row in change.layers.values() if row.used is not None)


def test_correction_makes_layers_alone_better(trained, monkeypatch) -> None:
    network, images = trained
    three = formats(network, QuantFormat("uniform", 3))

    def changed() -> float:
        rows = measure(network, quantised(network, three, images), images).layers.values()
        return sum(row.alone for row in rows if row.alone is not None)

    corrected = changed()
    monkeypatch.setattr(correcting, "correct", lambda *_: None)
    assert corrected < 0.9 * changed()


def test_a_layer_alone_is_fed_by_the_float_network(trained) -> None:
    """One bad layer shows in its own row alone, and in all rows behind it end to end."""
    network, images = trained
    one = formats(network, QuantFormat("uniform", 8)) | {"block.0.mlp.fc1_linear": QuantFormat("uniform", 2)}
    rows = measure(network, quantised(network, one, images), images).layers
    worst = max((row.alone, name) for name, row in rows.items() if row.alone is not None)
    assert worst[1] == "block.0.mlp.fc1_linear"
    assert rows["block.1.attn.q_linear"].end_to_end > rows["block.1.attn.q_linear"].alone


def test_norms_are_those_of_one_pass(trained) -> None:
    network, images = trained
    own = copy.deepcopy(network)
    norm = own.patch_embed.proj_bn
    reestimate_norms(own, images)
    conv = own.patch_embed.proj_conv
    sums = torch.cat([conv(part) for part in images.split(8)])
    assert torch.allclose(norm.running_mean, sums.mean((0, 2, 3)), atol=1e-4)
    assert not own.training


def test_a_search_meets_its_target_and_goes_on_where_it_was_stopped(trained, tmp_path) -> None:
    network, images = trained
    names = layer_names(network)
    candidates = {name: [QuantFormat("uniform", bits) for bits in (2, 4, 8)] for name in names}
    told = []

    def stop(layer: str, done: int, _count: int) -> None:
        told.append(layer)
        if done == 3 and len(told) == 4:
            raise KeyboardInterrupt

    kept = tmp_path / "search.json"
    with pytest.raises(KeyboardInterrupt):
        sensitivities(network, candidates, images[:4], kept=kept, tell=stop)
    measured = sensitivities(network, candidates, images[:4], kept=kept)
    assert measured == sensitivities(network, candidates, images[:4])
    other = sensitivities(network, candidates, images[4:8], kept=kept)
    assert other == sensitivities(network, candidates, images[4:8]) != measured  # of other images
    for name, row in measured.items():
        assert row["uniform 2"] >= row["uniform 8"], name
    taken = chosen(network, candidates, measured, 3.5, 8)
    sizes = {name: network.get_submodule(name).weight.numel() for name in names}
    average = sum(taken[name].bits * sizes[name] for name in names) / sum(sizes.values())
    assert 3.4 < average <= 3.5
    with pytest.raises(CheckpointError, match=r"--bits 1\.5: the narrowest formats take 2 bits"):
        chosen(network, candidates, measured, 1.5, 8)


def test_formats_in_words(tmp_path) -> None:
    assert label(wanted("4").patterns["*"]) == "uniform 4"
    assert label(wanted("pot3").patterns["*"]) == "pot 3"
    assert wanted("3.5").average == 3.5
    (tmp_path / "bits.yaml").write_text("'*': 4\n'*.proj_conv': 8\nhead: pot4\n")
    found = matched(wanted(str(tmp_path / "bits.yaml")).patterns, ["patch_embed.proj_conv", "block.0.q", "head"])
    assert [label(fmt) for fmt in found.values()] == ["uniform 8", "uniform 4", "pot 4"]


@pytest.mark.parametrize(("words", "sentence"), [
    ("9", "--bits: '9' is no format; allowed is 2 to 8"),
    ("pot5", "'pot5' is no format"),
    ("some", "'some' is no format"),
    ("fraction.yaml", "--bits fraction.yaml: '\\*': '3.5' is no format"),
    ("1.5", "an average must lie between 2 and 8"),
    ("absent.yaml", r"--bits absent\.yaml: No such file"),
])  # fmt: skip
def test_formats_that_are_none(words: str, sentence: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fraction.yaml").write_text("'*': 3.5\n")
    with pytest.raises(CheckpointError, match=sentence):
        wanted(words)


def test_patterns_that_match_nothing() -> None:
    four = QuantFormat("uniform", 4)
    with pytest.raises(CheckpointError, match="no pattern matches layer 'head'; put '\\*' first"):
        matched({"block.*": four}, ["block.0", "head"])
    with pytest.raises(CheckpointError, match="'x\\*' decides for none of the layers head"):
        matched({"*": four, "x*": four}, ["head"])
