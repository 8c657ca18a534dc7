"""What the stages of a run share: the recipe, the task, the teacher, and checkpoints that are made once.

A stage depends on earlier stages' tensors, the recipe and its own seeds only. So a run that was interrupted continues
with the first stage whose checkpoint is missing, and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from spikewright.compress.methods.masks import Masks
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.methods.tokens import selectors, set_mode
from spikewright.compress.networks.build import dense_model, student_model
from spikewright.compress.networks.prefixes import apart
from spikewright.compress.recipe.constraints import Constraint
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.recipe.sizes import check_size
from spikewright.compress.run.artefacts import Checkpoints
from spikewright.compress.training.devices import on_device, training_device
from spikewright.compress.training.loop import Phase, Record, Settings, accuracy, reestimate_norms, train
from spikewright.compress.training.objective import Objective, Term
from spikewright.compress.training.parallel import is_first
from spikewright.models.data import load
from spikewright.models.graph import SpikingNetwork
from spikewright.models.spikformer import Spikformer
from spikewright.models.task import Task, make_task

State = dict[str, Tensor]
Stage = tuple[State, list[Record]]
#: Prefix of the masks in a checkpoint.
MASK = "mask:"


def task_of(recipe: Recipe) -> Task:
    """The recipe's data, ready for networks. RecipeError where they are not what its model reads."""
    training, data = recipe.training, load(recipe.data)
    check_size(recipe, data)
    return make_task(
        data, bits=recipe.input_bits, limit=training.images, jittered=training.jitter, normalised=recipe.model
    )


def settings_of(recipe: Recipe) -> Settings:
    """The recipe's training settings."""
    return Settings(recipe.seed, recipe.training.batch, recipe.training.weight_decay)


def copy_of(model: SpikingNetwork) -> State:
    """The state, detached from the model."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}


def fast(model: SpikingNetwork) -> SpikingNetwork:
    """Channels-last memory: the same numbers up to summation order, a sixth faster on a CPU."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def state_and_masks(tensors: State) -> tuple[State, Masks]:
    """What a checkpoint of pruned weights holds."""
    state, masks = apart(tensors, MASK)
    return state, {name: mask.bool() for name, mask in masks.items()}


def tokens_of(model: SpikingNetwork) -> int:
    """Tokens that enter a transformer's blocks."""
    assert isinstance(model, Spikformer)
    return model.config.tokens


def student(run: Run, state: State, *, plastic: bool = False, choosing: bool = True) -> SpikingNetwork:
    """The network that is compressed; parameters from ``state``, the selectors' initialisation where it has none.

    plastic: its neurons are those of the neuron constraint, if there is one; choosing: else it has no selectors, as
    before their stage.
    """
    model = student_model(run.recipe)
    neuron = run.recipe.constraints.neuron
    if plastic and neuron is not None:
        make_plastic(model, neuron.kind)
    if not choosing and isinstance(model, Spikformer):
        model.selector.clear()
    model.load_state_dict({n: t for n, t in model.state_dict().items() if n.startswith("selector.")} | state)
    return fast(model)


@dataclass(frozen=True, eq=False)
class Lesson:
    """Whom a stage distils from, if anyone, and its data."""

    teacher: SpikingNetwork | None
    task: Task


@dataclass(eq=False)
class Run:
    """What the stages share. ``tick`` is called after every epoch."""

    recipe: Recipe
    checkpoints: Checkpoints
    task: Task
    tick: Callable[[Record], None] = lambda record: None
    log: list[Record] = field(default_factory=list)
    dense: State | None = None  # the teacher's state, once there is one
    _teacher: SpikingNetwork | None = None

    @classmethod
    def start(
        cls, recipe: Recipe, checkpoints: Checkpoints, tick: Callable[[Record], None] = lambda record: None
    ) -> Run:
        """The run of a recipe; RecipeError where its data is not what its model reads."""
        return cls(recipe, checkpoints, task_of(recipe), tick)

    @property
    def settings(self) -> Settings:
        """Seed, batch and decay."""
        return settings_of(self.recipe)

    def stage(self, name: str, make: Callable[[], Stage]) -> State:
        """The stage's tensors, from its checkpoint or made now."""
        finished = self.checkpoints.read(name)
        if finished is None:
            tensors, log = make()
            finished = {k: v.detach().clone() for k, v in tensors.items()}, log
            if is_first():
                self.checkpoints.write(name, *finished)
        else:
            for record in finished[1]:
                self.tick(record)
        self.log.extend(finished[1])
        return finished[0]

    @property
    def teacher(self) -> SpikingNetwork:
        """The dense model, frozen."""
        if self._teacher is None:
            assert self.dense is not None, "the teacher's stage comes first"
            self._teacher = dense_model(self.recipe)
            self._teacher.load_state_dict(self.dense)
            fast(self._teacher).eval().requires_grad_(False)
        return self._teacher

    def lesson(self, constraint: Constraint, previous: Callable[[], SpikingNetwork]) -> Lesson:
        """Whom and what a constraint's stages learn from; ``previous`` makes what the stage before left."""
        jittered = self.task.jittered if constraint.jitter is None else constraint.jitter
        task = replace(self.task, jittered=jittered)
        if constraint.teacher == "dense":
            return Lesson(self.teacher, task)
        left = fast(previous())
        set_mode(left, hard=True)
        left.eval().requires_grad_(False)
        return Lesson(left, task)

    def train(
        self,
        model: SpikingNetwork,
        phase: Phase,
        terms: tuple[Term, ...] = (),
        lesson: Lesson | None = None,
    ) -> list[Record]:
        """A phase of a student: cross entropy, distillation, what soft selectors add, and terms.

        lesson: the dense model, once there is one, and the recipe's training images, if not given.
        """
        lesson = lesson or Lesson(None if self.dense is None else self.teacher, self.task)
        training, tokens = self.recipe.training, self.recipe.constraints.tokens
        soft = phase.soft and tokens is not None
        objective = Objective(
            label_smoothing=training.label_smoothing,
            teacher=lesson.teacher,
            distillation=training.distillation,
            fractions=tuple(s.keep / tokens_of(model) for s in selectors(model)) if soft else (),
            ratio_weight=tokens.ratio_weight if tokens else 0.0,
            terms=terms,
        )
        with on_device(training_device(), model, objective, phase.masks):
            return train(model, lesson.task, self.settings, phase, objective, self.tick)

    def settle(self, model: SpikingNetwork, label: str, lesson: Lesson | None = None) -> list[Record]:
        """Re-estimate the norms as inference sees them, and say how good the stage is."""
        reestimate_norms(model, lesson.task if lesson else self.task, self.settings, label)
        validation = accuracy(model, self.task, self.task.data.validation)
        record: Record = {"stage": label, "epoch": "end", "validation": validation}
        self.tick(record)
        return [record]
