"""A user's own network: found where the user is, and refused in one sentence whatever is wrong with it."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from spikewright.compress.methods.selector_controls import FiringRateSelector
from spikewright.compress.recipe.reading import RecipeError, parse_recipe
from spikewright.compress.run.artefacts import stage_key
from spikewright.compress.run.factory_check import check_network
from spikewright.compress.run.runner import run_recipe
from spikewright.compress.run.stages import run as stages
from spikewright.models.factory import FactoryConfig, FactoryError, build_from_factory, structure_of
from spikewright.models.graph import IMAGE, Builder, Size, SpikingNetwork
from spikewright.models.layers import Conv3, Dense, Shortcut
from spikewright.models.neurons import LIF
from spikewright.models.spikformer import Head, Spikformer, SpikformerConfig

NETWORK = """
import torch
from spikewright.models.spikformer import Spikformer, SpikformerConfig

def build(leak=None, **fields):
    import beside  # found while the network is built, too
    network = Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2, **fields))
    if leak is not None:
        network.block[0].mlp.fc1_lif.leak = leak
    return network

def linear():
    network = build()
    network.block[0].mlp.fc1_linear = torch.nn.Linear(16, 32)
    return network

def leaves():
    raise SystemExit(3)
"""
REST = """
name: mine
data: digits
training: {batch: 16, images: 32}
teacher: {epochs: 1}
constraints:
  quantisers: {epochs: 1, gather_epochs: 1, grid_epochs: 1, layers: {"*": {scheme: uniform, bits: 4}}}
model: """
Put = Callable[[str], str]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """Writes a module into the current folder, which is not on the path, as under a console script; its name."""
    names = ["beside"]

    def write(text: str) -> str:
        names.append(f"net_{len(names)}_{tmp_path.name}".replace("-", "_"))
        (tmp_path / f"{names[-1]}.py").write_text(text)
        return names[-1]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part not in ("", str(tmp_path))])
    (tmp_path / "beside.py").write_text("")
    yield write
    for name in names:
        sys.modules.pop(name, None)


def refused(factory: str) -> str:
    with pytest.raises(FactoryError) as caught:
        build_from_factory(FactoryConfig(factory=factory))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_module_in_the_current_folder_is_found_and_the_path_is_as_before(put: Put) -> None:
    name, path = put(NETWORK), list(sys.path)
    network = build_from_factory(FactoryConfig(factory=f"{name}:build", arguments={"steps": 3}))
    assert network.size.steps == 3
    assert sys.path == path
    assert refused(f"{put('raise KeyError(1)')}:build")
    assert sys.path == path


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("def build(:", "it raises SyntaxError: invalid syntax (NAME.py, line 1)"),
        ("  x = 1", "it raises IndentationError: unexpected indent (NAME.py, line 1)"),
        ("x = y", "it raises NameError: name 'y' is not defined"),
        ("1 / 0", "it raises ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')", "it raises ValueError: two lines"),
        ("import sys; sys.exit('usage')", "it raises SystemExit: usage"),
    ],
)
def test_whatever_a_module_raises_is_one_sentence(text: str, raised: str, put: Put) -> None:
    name = put(text)
    raised = raised.replace("NAME", name)
    assert refused(f"{name}:build") == f"factory '{name}:build': {name} cannot be imported, {raised}"


def test_a_module_or_a_network_that_tells_nothing_is_one_sentence(put: Put) -> None:
    name = put("def __getattr__(name):\n    raise RuntimeError('not today')")
    refusal = f"factory '{name}:build': {name} does not give build, it raises RuntimeError: not today"
    assert refused(f"{name}:build") == refusal
    name = put(
        "from spikewright.models.spikformer import Spikformer, SpikformerConfig\n"
        "class Shy(Spikformer):\n    def extra_repr(self):\n        raise RuntimeError('not today')\n"
        "def build():\n    return Shy(SpikformerConfig(dim=16, depth=1, heads=2))\n"
    )
    with pytest.raises(FactoryError, match=f"^factory '{name}:build': its network cannot be described: RuntimeError: "):
        structure_of(FactoryConfig(factory=f"{name}:build"))


def test_what_is_not_there_is_told(put: Put) -> None:
    assert refused("nowhere:build") == (
        "factory 'nowhere:build': nowhere cannot be imported from the current folder or what is installed (No module "
        "named 'nowhere')"
    )
    name = put(NETWORK)
    assert refused(f"{name}:bild") == f"factory '{name}:bild': {name} has no bild"
    assert refused(f"{name}:leaves") == f"factory '{name}:leaves' failed: SystemExit: 3"
    assert refused(f"{name}:torch").startswith(f"factory '{name}:torch' failed: TypeError: 'module' object is not call")


def test_an_interruption_is_no_fault_of_the_module(put: Put) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_from_factory(FactoryConfig(factory=f"{put('raise KeyboardInterrupt')}:build"))


@pytest.mark.parametrize(
    ("model", "error", "text"),
    [
        (
            "build, arguments: {leak: 0.3}",
            RecipeError,
            "PATH: no package can hold what this recipe would end in: block.0.mlp.fc1_linear: leak must be a multiple "
            "of 1/16 on hardware, not 0.3",
        ),
        (
            "linear",
            FactoryError,
            "factory 'NAME:linear': block.0.mlp.fc1_linear: its synapse is a Linear; allowed is Dense or Pointwise",
        ),
    ],
)
def test_what_no_package_can_hold_is_refused_before_training(
    model: str, error: type[Exception], text: str, put: Put, tmp_path: Path
) -> None:
    name, path = put(NETWORK), tmp_path / "recipe.yaml"
    path.write_text(f"{REST}{{factory: {name}:{model}}}")
    with pytest.raises(error) as caught:
        run_recipe(path, tmp_path / "run")
    assert str(caught.value) == text.replace("PATH", str(path)).replace("NAME", name)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_is_read_when_the_run_begins(put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone while a stage trains: the run ends as if it were there, and is called after what it was."""
    name, best, path = put(NETWORK), tmp_path / "best.safetensors", tmp_path / "recipe.yaml"
    torch.manual_seed(4)
    save_file(small().state_dict(), best)
    path.write_text(f"{REST}{{factory: {name}:build, checkpoint: best.safetensors}}")
    whole = run_recipe(path, tmp_path / "whole").read_bytes()
    real = stages.train

    def without(*args: Any, **named: Any) -> Any:
        best.unlink(missing_ok=True)
        return real(*args, **named)

    monkeypatch.setattr(stages, "train", without)
    assert run_recipe(path, tmp_path / "gone").read_bytes() == whole
    assert not best.exists()


def small() -> Spikformer:
    return Spikformer(SpikformerConfig(dim=16, depth=1, heads=2, mlp_ratio=2))


def not_a_neuron(network: Spikformer) -> None:
    network.block[0].attn.attn_lif = torch.nn.ReLU()  # type: ignore[union-attr]


def not_a_norm(network: Spikformer) -> None:
    network.patch_embed.rpe_bn = torch.nn.InstanceNorm2d(16)  # type: ignore[assignment]


def not_a_head(network: Spikformer) -> None:
    network.head = Dense(16, 10)  # type: ignore[assignment]


def no_graph(network: Spikformer) -> None:
    network.__class__ = type("Graphless", (Spikformer,), {"describe": SpikingNetwork.describe})


def broken_graph(network: Spikformer) -> None:
    del network.block[0].mlp


def a_shared_neuron(network: Spikformer) -> None:
    network.block[0].mlp.fc2_lif = network.block[0].mlp.fc1_lif  # type: ignore[union-attr]


def a_shared_synapse(network: Spikformer) -> None:
    network.block[0].attn.v_linear = network.block[0].attn.k_linear  # type: ignore[union-attr]


def a_selector_that_learns_nothing(network: Spikformer) -> None:
    network.selector["0"] = FiringRateSelector(5)


def a_stride(network: Spikformer) -> None:
    network.patch_embed.rpe_conv.stride = (2, 2)


def a_threshold_below_nothing(network: Spikformer) -> None:
    network.block[0].mlp.fc1_lif.level = -0.5  # type: ignore[union-attr]


def a_leak_that_is_not_rounded(network: Spikformer) -> None:
    network.block[0].attn.attn_lif = LIF(tau=4.0)  # type: ignore[union-attr]


def a_leak_that_is_rounded(network: Spikformer) -> None:
    network.block[0].mlp.fc1_lif = LIF(tau=4.0, whole=True)  # type: ignore[union-attr]


def a_norm_without_statistics(network: Spikformer) -> None:
    network.patch_embed.rpe_bn = torch.nn.BatchNorm2d(16, track_running_stats=False)


def an_unused_layer(network: Spikformer) -> None:
    network.unused = Dense(16, 16)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            a_shared_neuron,
            "block.0.mlp.fc2_linear: its neuron is also that of block.0.mlp.fc1_linear; each op needs its own",
        ),
        (
            a_shared_synapse,
            "block.0.attn.v_linear: its synapse is also that of block.0.attn.k_linear; each op needs its own",
        ),
        (
            a_selector_that_learns_nothing,
            "selector.0: its selector is a FiringRateSelector; allowed is TokenSelector",
        ),
        (an_unused_layer, "unused.weight: no op of the network's graph has these weights; remove or describe them"),
        (
            a_stride,
            "patch_embed.rpe_conv: its Conv3 has stride (2, 2), padding (1, 1), dilation (1, 1), 1 groups, no bias; "
            "allowed is stride (1, 1), padding (1, 1), dilation (1, 1), 1 groups, no bias",
        ),
        (a_threshold_below_nothing, "block.0.mlp.fc1_linear: its neuron's threshold must be above 0"),
        (
            a_norm_without_statistics,
            "patch_embed.rpe_conv: its norm must be affine and track running statistics",
        ),
        (
            a_leak_that_is_not_rounded,
            "block.0.attn.attn: its neuron sees whole numbers, where leaks round down: give whole=True",
        ),
        (
            a_leak_that_is_rounded,
            "block.0.mlp.fc1_linear: its neuron sees no whole numbers while it trains: leave whole=True out",
        ),
        (not_a_neuron, "block.0.attn.attn: its neuron is a ReLU; allowed is LIF"),
        (not_a_norm, "patch_embed.rpe_conv: its norm is a InstanceNorm2d; allowed is BatchNorm1d or BatchNorm2d"),
        (not_a_head, "head: its synapse is a Dense; allowed is Head"),
        (no_graph, "its network must have a size and describe its graph"),
        (broken_graph, "AttributeError: 'Block' object has no attribute 'mlp'"),
    ],
)
def test_a_network_of_unknown_parts_is_refused(change: Callable[[Spikformer], None], text: str) -> None:
    check_network(network := small(), "a:b")
    change(network)
    with pytest.raises(FactoryError, match=f"^factory 'a:b': {re.escape(text)}$"):
        check_network(network, "a:b")


class Normed(SpikingNetwork):
    """A shortcut joins the sums behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.lif, self.branch = Conv3(1, 8), torch.nn.BatchNorm2d(8), LIF(), Shortcut(1, 8)
        self.head = Head(8, 10)

    @property
    def size(self) -> Size:
        return Size(8, 8, 1, 10, 2)

    def describe(self, to: Builder) -> str:
        spikes = to.conv("conv", IMAGE, self.conv, self.bn, self.lif, shortcut=(IMAGE, self.branch))
        return to.head("head", spikes, self.head)


def test_a_shortcut_behind_a_norm_is_refused() -> None:
    """No integers do that, so it is said before the training that would end there."""
    text = "conv: a shortcut cannot meet the sums behind a norm in integers; leave it out"
    with pytest.raises(FactoryError, match=f"^factory 'a:b': {text}$"):
        check_network(network := Normed(), "a:b")
    network.bn, network.conv.input_scale = None, 0.5  # type: ignore[assignment]
    text = "conv: a shortcut cannot meet sums whose input_scale is not 1; leave it out"
    with pytest.raises(FactoryError, match=f"^factory 'a:b': {text}$"):
        check_network(network, "a:b")


def test_a_factory_that_builds_something_else_is_another_recipe(put: Put, tmp_path: Path) -> None:
    """Its name is the same; what counts is the network: shapes, neurons, surrogates, graph. Chance does not count."""
    name = put(NETWORK)
    recipe = parse_recipe(f"{REST}{{factory: {name}:build}}")
    before, drawn = stage_key(recipe, "teacher"), torch.random.get_rng_state()
    torch.manual_seed(5)
    assert stage_key(recipe, "teacher") == before
    changes = ("dim=16", "dim=32"), ("return network\n", "network.block[0].mlp.fc1_lif.surrogate = 'triangle'\n"
               "    return network\n"), ("depth=1", "depth=2"), ("heads=2", "heads=4"), ("mlp_ratio=2", "mlp_ratio=2, "
               "input_scale=0.5")  # fmt: skip
    keys = {before}
    for n, (old, new) in enumerate(changes, 1):
        assert old in NETWORK
        sys.modules.pop(name)
        importlib.invalidate_caches()
        # each of another length, by which Python tells that bytecode is stale
        (tmp_path / f"{name}.py").write_text(NETWORK.replace(old, new, 1) + "\n" * 10 * n)
        keys.add(stage_key(recipe, "teacher"))
    assert len(keys) == 1 + len(changes)
    torch.random.set_rng_state(drawn)
    stage_key(recipe, "teacher")
    assert torch.equal(torch.random.get_rng_state(), drawn)
