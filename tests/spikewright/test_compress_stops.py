"""What stops spikewright compress: status 1, one sentence behind what was said so far, and what is done stays."""

import re
import signal

import pytest
import torch
import yaml
from PIL import Image

from spikewright.compress.recipe.reading import RecipeError, parse_recipe
from spikewright.compress.run import preflight, runner
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.run.preflight import check_folder
from spikewright.compress.run.stages import run as stages
from spikewright.locks import hold

RECIPE = """
name: short
data: digits
model: {dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}
training: {batch: 8, images: 16}
teacher: {epochs: 1}
constraints:
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
"""
MODEL = "{dim: 16, depth: 1, heads: 2, steps: 2, mlp_ratio: 2}"


@pytest.fixture
def stopped(run, tmp_path, monkeypatch):
    """Compress a recipe into ./run, which must stop with one sentence; returns it."""
    monkeypatch.chdir(tmp_path)

    def stopped(text, *options):
        (tmp_path / "recipe.yaml").write_text(text)
        result = run("compress", "recipe.yaml", *(options or ("-o", "run")))
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.stdout == ""
        *before, last = result.stderr.splitlines()
        assert last.startswith("error: ")
        assert all(re.match(r"[a-z]+(-\d+)? (\d+|end) ", line) for line in before), "only epochs were told"
        return last.removeprefix("error: ")

    return stopped


def test_a_loss_that_is_not_a_number(stopped, tmp_path):
    sentence = stopped(RECIPE.replace("teacher: {epochs: 1}", "teacher: {epochs: 2, rate: 1.0e+30}"))
    assert re.fullmatch(r"teacher: .* is not a number in epoch \d; lower the rate", sentence)
    assert list((tmp_path / "run").rglob("*.*")) == []


def test_a_folder_with_another_recipes_checkpoint(stopped, tmp_path):
    recipe = parse_recipe(RECIPE.replace("data: digits", "data: digits:1"))
    checkpoints = Checkpoints(tmp_path / "run" / "stages", recipe)
    checkpoints.write("teacher", {"a": torch.zeros(3)}, [])
    before = checkpoints.path("teacher").read_bytes()
    sentence = stopped(RECIPE)
    assert sentence == (
        "run/stages/teacher.safetensors: made by another recipe, another version of spikewright, or another number of "
        "processes; choose another folder or remove this one"
    )
    assert checkpoints.path("teacher").read_bytes() == before
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["stages"]


@pytest.mark.parametrize("folder", [".", "papers", "papers/thesis.tex"])
def test_a_folder_with_other_things(folder, stopped, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("mine")
    sentence = stopped(RECIPE, "-o", folder)
    foreign = "is a folder with other things in it: name a new one, or that of a run to go on with"
    assert sentence == f"{folder} {'is a file: name a folder for the run' if folder.endswith('tex') else foreign}"
    assert (tmp_path / "recipe.yaml").read_text() == RECIPE
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["papers", "recipe.yaml", "thesis.tex"]


def test_a_folder_with_an_empty_stages_is_no_runs(stopped, tmp_path):
    (tmp_path / "mine" / "stages").mkdir(parents=True)
    (tmp_path / "mine" / "recipe.yaml").write_text("of a cake")
    assert stopped(RECIPE, "-o", "mine").startswith("mine is a folder with other things in it: ")
    assert (tmp_path / "mine" / "recipe.yaml").read_text() == "of a cake"


def test_a_run_that_another_command_is_at(stopped, tmp_path):
    (tmp_path / "run" / "stages").mkdir(parents=True)
    with hold(tmp_path / "run" / "stages" / ".lock"):
        busy = "run is in use by another spikewright command: wait for its end, or name another folder"
        assert stopped(RECIPE) == busy


def test_a_link_to_the_folder_is_followed(stopped, tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_stages", interrupted)
    (tmp_path / "run").symlink_to(tmp_path / "large disk")
    assert stopped(RECIPE) == "stopped"
    assert (tmp_path / "run").is_symlink()
    assert [path.name for path in (tmp_path / "large disk").iterdir()] == ["stages"]


def test_a_number_of_processes_that_is_none(stopped, monkeypatch):
    for value in ("two", "0", "-1"):
        monkeypatch.setenv("WORLD_SIZE", value)
        assert stopped(RECIPE) == f"WORLD_SIZE is {value!r}: start with torchrun, or unset it"


def test_a_run_that_was_stopped_early_goes_on_beside_what_others_wrote(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "nohup.out").write_text("teacher 1 loss 2.3")
    check_folder(tmp_path)


def test_a_run_whose_checkpoints_were_removed_goes_on(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "metrics.json").write_text("{}")
    resolved = parse_recipe(RECIPE).model_dump(mode="json")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True))
    check_folder(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(RecipeError, match="is a folder with other things in it"):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), RuntimeError("else")]
)
def test_memory_that_ends_before_training(error, run, tmp_path, monkeypatch):
    def raises(recipe):
        raise error

    monkeypatch.setattr(preflight, "untrained_teacher", raises)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    result = run("compress", str(tmp_path / "recipe.yaml"), "-o", str(tmp_path / "run"))
    assert result.exit_code == 1
    if str(error) == "else":
        assert result.exception is error, "a fault of the program"
    else:
        text = f"{tmp_path / 'recipe.yaml'}: its network or its images do not fit into this machine's memory"
        assert result.stderr.splitlines()[-1] == f"error: {text}"


def test_a_loss_that_is_no_number_before_training(run, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace(MODEL, MODEL[:-1] + ", input_scale: 1.0e+38}"))
    result = run("compress", str(tmp_path / "recipe.yaml"), "--dry-run")
    assert result.exit_code == 1
    text = "error: short: the loss is not a number before anything is trained: factors in training or constraints, "
    assert result.stderr.startswith(text)


@pytest.mark.parametrize("name", ["run\n2", "run\udcff"])
def test_a_folder_that_no_checkpoint_could_name(name, stopped):
    sentence = stopped(RECIPE, "-o", name)
    assert sentence == f"{name!r} cannot be the folder of a run: it must be UTF-8 without control characters"


def test_a_network_larger_than_the_machine(stopped, tmp_path):
    sentence = stopped(RECIPE.replace(MODEL, "{dim: 8192, heads: 2, depth: 256, mlp_ratio: 64}"))
    assert re.search(
        r": model: to train its \d+ weights takes [\d.]+ GiB at least, but this machine has [\d.]+$", sentence
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_network_that_cannot_be_imported(options, stopped, tmp_path):
    sentence = stopped(RECIPE.replace(MODEL, '{factory: "nowhere.net:build"}'), *options)
    assert sentence == (
        "factory 'nowhere.net:build': nowhere.net cannot be imported from the current folder or what is installed "
        "(No module named 'nowhere')"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("does", "op"),
    [
        ("super().run(images * 0.5)", "the spikes of patch_embed.proj_conv"),
        ("super().run(images.roll(1, -1))", "the spikes of patch_embed.proj_conv"),
        ("(lambda result: result._replace(logits=2 * result.logits))(super().run(images))", "its class scores"),
    ],
)
def test_a_network_that_is_not_what_it_describes(does, op, options, stopped, tmp_path, monkeypatch):
    name = f"mine_{len(does)}_{len(options)}"
    (tmp_path / f"{name}.py").write_text(
        "from spikewright.models.spikformer import Spikformer, SpikformerConfig\n"
        f"class Mine(Spikformer):\n    def run(self, images):\n        return {does}\n"
        "def build():\n"
        "    return Mine(SpikformerConfig(dim=16, depth=1, heads=2, steps=2, mlp_ratio=2))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sentence = stopped(RECIPE.replace(MODEL, f'{{factory: "{name}:build"}}'), *options)
    rest = "are not those of the graph that it describes"
    assert sentence == f"factory '{name}:build': run and describe tell two networks: {op} {rest}"
    assert not (tmp_path / "run").exists()


def test_a_users_checkpoint_that_is_not_whole(stopped, tmp_path):
    (tmp_path / "mine_that_stops.py").write_text(
        "from spikewright.models.spikformer import Spikformer, SpikformerConfig\n"
        "def build():\n    return Spikformer(SpikformerConfig(dim=16, depth=1, heads=2))\n"
    )
    file = tmp_path / "best.pt"
    torch.save({"head.weight": torch.ones(10, 16)}, file)
    file.write_bytes(file.read_bytes()[:-50])
    sentence = stopped(RECIPE.replace(MODEL, '{factory: "mine_that_stops:build", checkpoint: best.pt}'))
    assert sentence.startswith(f"{file}: not a whole checkpoint (")
    assert not (tmp_path / "run").exists()


def test_images_that_cannot_be_read(stopped, tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (16, 16)).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "cats" / "1.png").write_bytes(b"a picture of a cat")
    (tmp_path / "photos" / "dogs" / "2.txt").write_text("a dog")
    sentence = stopped(RECIPE.replace("data: digits", "data: {folder: photos, channels: 1}"))
    start = f"{tmp_path / 'photos'}: 2 of 7 images cannot be read: cats/1.png (not an image), dogs/2.txt (allowed are "
    assert sentence.startswith(start)
    assert not (tmp_path / "run").exists()


def test_ctrl_c(stopped, run, tmp_path, monkeypatch):
    """What was trained before stays, and the run goes on from there."""
    real = stages.train

    def interrupted(network, task, settings, phase, *rest):
        if phase.label == "gather":
            signal.raise_signal(signal.SIGINT)
        return real(network, task, settings, phase, *rest)

    monkeypatch.setattr(stages, "train", interrupted)
    assert stopped(RECIPE) == "stopped"
    kept = {path.name: path.read_bytes() for path in (tmp_path / "run" / "stages").iterdir()}
    assert set(kept) == {"teacher.safetensors", "quantisers.safetensors"}
    monkeypatch.setattr(stages, "train", real)
    assert run("compress", "recipe.yaml", "-o", "run").exit_code == 0
    assert (tmp_path / "run" / "package.safetensors").is_file()
    assert all((tmp_path / "run" / "stages" / name).read_bytes() == data for name, data in kept.items())
