"""A user's own network that cannot be trained, or is not what it describes, is told before anything is trained."""

import itertools
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spikewright.compress.networks.user_checkpoint import load_checkpoint
from spikewright.compress.run.factory_check import check_network, check_training
from spikewright.models.factory import FactoryError
from spikewright.models.graph import Result, Size, SpikingNetwork
from spikewright.models.spikformer import Spikformer, SpikformerConfig

CONFIG = SpikformerConfig(dim=16, depth=1, heads=2, steps=2, mlp_ratio=2)
IMAGES, LABELS = torch.ones(2, 1, 16, 16), torch.tensor([0, 9])


class Own(Spikformer):
    """A user's, with a fault in each child."""

    def __init__(self) -> None:
        super().__init__(CONFIG)


class AnswersTensor(Own):
    def run(self, images: torch.Tensor) -> Result:
        return super().run(images).logits  # type: ignore[return-value]


class AnswersSteps(Own):
    def run(self, images: torch.Tensor) -> Result:
        result = super().run(images)
        return Result(result.logits[None], result.choices)


class Raises(Own):
    def run(self, images: torch.Tensor) -> Result:
        raise RuntimeError("shapes\nthat do not meet")


class OnlyForward(Own):
    run = SpikingNetwork.run


class FollowsNoType(Own):
    def run(self, images: torch.Tensor) -> Result:
        return super().run(images.float())


class AnswersSingle(Own):
    def run(self, images: torch.Tensor) -> Result:
        result = super().run(images)
        return Result(result.logits.float(), result.choices)


class Fails(Own):
    def run(self, images: torch.Tensor) -> Result:
        return super().run(torch.nn.Module()(images))


ONE = Own()


class Shares(Own):
    def __init__(self) -> None:
        super().__init__()
        self.block = ONE.block


class Notes(Own):
    """Buffers may be of any type that is no number of training's."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("which", torch.ones(16, dtype=torch.bool))
        self.register_buffer("places", torch.arange(16, dtype=torch.int32))


class Locked(Own):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


WIDTHS = itertools.cycle((16, 32))


def changing() -> Spikformer:
    return Spikformer(CONFIG.model_copy(update={"dim": next(WIDTHS)}))


def frozen() -> Spikformer:
    return Own().requires_grad_(False)


def doubled() -> Spikformer:
    return Own().double()


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (AnswersTensor, "run must return a spikewright.models.graph.Result, not Tensor"),
        (AnswersSteps, "run answers scores [1, 2, 10]; allowed is [2, 10]"),
        (Raises, "RuntimeError: shapes that do not meet"),
        (OnlyForward, "its network must have run, which training calls"),
        (frozen, "none of its parameters can be trained; leave requires_grad on"),
        (doubled, "patch_embed.proj_conv.weight is torch.float64; allowed is torch.float32"),
        (
            lambda: ONE,
            "patch_embed.proj_conv.weight is the same in two networks that it builds; each call must build its own",
        ),
        (
            Shares,
            "block.0.attn.q_linear.weight is the same in two networks that it builds; each call must build its own",
        ),
        (
            FollowsNoType,
            "run must take float64 too, in which networks are judged: RuntimeError: Input type (torch.FloatTensor) "
            "and weight type (torch.DoubleTensor) should be the same or input should be a MKLDNN tensor and weight is "
            "a dense tensor",
        ),
        (changing, "two calls build networks of different tensors; each must build the same"),
        (AnswersSingle, "run answers torch.float32 to a network and images of float64, in which it is judged"),
        (
            Fails,
            'NotImplementedError: Module [Module] is missing the required "forward" function',
        ),
    ],
)
def test_a_network_that_cannot_be_trained(build: Callable[[], SpikingNetwork], text: str) -> None:
    with pytest.raises(FactoryError, match=f"^factory 'a:b': {re.escape(text)}$"):
        check_training(build, IMAGES, LABELS, "a:b")


def test_a_network_that_cannot_be_copied_is_refused_where_it_would_be() -> None:
    check_training(Locked, IMAGES, LABELS, "a:b")
    text = "^factory 'a:b': its network cannot be copied: TypeError: cannot pickle '_thread.lock' object$"
    with pytest.raises(FactoryError, match=text):
        check_training(Locked, IMAGES, LABELS, "a:b", copied=True)


def test_a_network_that_can_be_trained() -> None:
    check_training(Own, IMAGES, LABELS, "a:b")
    check_training(Notes, IMAGES, LABELS, "a:b")


def test_a_parameter_that_no_gradient_reaches_is_no_fault_but_among_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def build() -> Spikformer:
        network = Own()
        network.unused = torch.nn.Parameter(torch.zeros(3))
        return network

    check_training(build, IMAGES, LABELS, "a:b")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(FactoryError, match="no gradient reaches unused; with several processes, remove or freeze it"):
        check_training(build, IMAGES, LABELS, "a:b")


def test_parameters_that_are_no_numbers_are_told_and_buffers_may_be_any() -> None:
    network = Notes()
    network.register_buffer("least", torch.tensor(torch.inf))
    check_network(network, "a:b")
    torch.nn.init.constant_(network.head.bias, torch.nan)
    with pytest.raises(FactoryError, match=r"^factory 'a:b': head\.bias holds what is no finite number before it is"):
        check_network(network, "a:b")


@pytest.mark.parametrize("size", [(16, 16, 1, 10, 2), Size(16, 16, 1, 10, 2.0), Size(16, 16, 1, 10, 0)])  # type: ignore[arg-type]
def test_a_size_that_is_none(size: Size) -> None:
    class Sized(Own):
        @property
        def size(self) -> Size:
            return size

    with pytest.raises(
        FactoryError, match=r"its size must be a spikewright\.models\.graph\.Size of whole numbers above 0"
    ):
        check_network(Sized(), "a:b")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: torch.full_like(t, torch.nan), "holds what is no finite number"),
        (lambda t: torch.full_like(t, torch.inf), "holds what is no finite number"),
        (lambda t: torch.full_like(t, torch.nan).to(torch.float8_e4m3fn), "holds what is no finite number"),
        (lambda t: t.to(torch.int8), "is int8; allowed are floating-point numbers"),
    ],
)
def test_numbers_that_are_none(change: Callable[[torch.Tensor], torch.Tensor], text: str, tmp_path: Path) -> None:
    network, name = Spikformer(CONFIG), "block.0.mlp.fc1_linear.weight"
    state = network.state_dict()
    before = state[name].clone()
    path = tmp_path / "changed.safetensors"
    save_file(state | {name: change(state[name])}, path)
    with pytest.raises(FactoryError, match=f"^{re.escape(str(path))}: {name} {text}$"):
        load_checkpoint(network, path)
    assert torch.equal(network.state_dict()[name], before)
    save_file(state, tmp_path / "best.safetensors")
    load_checkpoint(network, tmp_path / "best.safetensors")


def test_a_part_called_module_is_no_prefix(tmp_path: Path) -> None:
    network = SpikingNetwork()
    network.module = torch.nn.Linear(2, 2)
    save_file(network.state_dict(), tmp_path / "best.safetensors")
    load_checkpoint(network, tmp_path / "best.safetensors")
