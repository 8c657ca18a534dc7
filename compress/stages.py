"""The stages of a run, each a function from checkpoints to a checkpoint: teacher → tokens → masks → quantisers.

A stage depends on earlier stages' tensors, the recipe and its own seeds only. So a run that was interrupted continues
with the first stage whose checkpoint is missing, and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from spikewright.compress.artefacts import Checkpoints
from spikewright.compress.build import add_selectors, dense_model, quantise, selectors, set_exact, set_mode
from spikewright.compress.masks import Masks, magnitude_masks, prunable, rewind, selector_weights, survivors
from spikewright.compress.recipe import Recipe
from spikewright.compress.training import Phase, Record, Task, accuracy, make_task, reestimate_norms, train
from spikewright.models.spikformer import Spikformer

State = dict[str, Tensor]
_MASK = "mask:"


@dataclass
class Run:
    """What the stages share. ``tick`` is called after every epoch."""

    recipe: Recipe
    checkpoints: Checkpoints
    task: Task
    tick: Callable[[Record], None] = lambda record: None
    log: list[Record] = field(default_factory=list)
    _teacher: Spikformer | None = None

    @classmethod
    def start(cls, recipe: Recipe, checkpoints: Checkpoints, tick: Callable[[Record], None]) -> Run:
        return cls(recipe, checkpoints, make_task(recipe), tick)

    def stage(self, name: str, make: Callable[[], tuple[State, list[Record]]]) -> State:
        """The stage's tensors, from its checkpoint or made now."""
        found = self.checkpoints.read(name)
        if found is None:
            tensors, log = make()
            self.checkpoints.write(name, tensors, log)
            found = {k: v.detach().clone() for k, v in tensors.items()}, log
        else:
            for record in found[1]:
                self.tick(record)
        self.log.extend(found[1])
        return found[0]

    @property
    def teacher(self) -> Spikformer:
        """The dense model, frozen."""
        if self._teacher is None:
            self._teacher = dense_model(self.recipe)
            self._teacher.load_state_dict(teacher_stage(self)[0])
            self._teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self._teacher


def planned_epochs(recipe: Recipe) -> int:
    """Epochs of all stages together, for progress."""
    tokens, masks, quantisers = recipe.constraints.tokens, recipe.constraints.masks, recipe.constraints.quantisers
    total = recipe.teacher.epochs + (tokens.epochs if tokens else 0)
    if masks:
        total += masks.epochs * (masks.rounds - 1) + (masks.final_epochs or masks.epochs)
    return total + quantisers.epochs + quantisers.gather_epochs + quantisers.grid_epochs


def _copy(model: Spikformer) -> State:
    return {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}


def _fast(model: Spikformer) -> Spikformer:
    """Channels-last memory: the same numbers up to summation order, a sixth faster on a CPU."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def teacher_stage(run: Run) -> tuple[State, State]:
    """Dense training: the state at its end and at the epoch that the masks rewind to."""
    masks = run.recipe.constraints.masks

    def make() -> tuple[State, list[Record]]:
        model = _fast(dense_model(run.recipe))
        early: State = {}

        def keep(epoch: int) -> None:
            if masks and epoch == masks.rewind:
                early.update(_copy(model))

        teacher = run.recipe.teacher
        phase = Phase("teacher", teacher.epochs, teacher.rate, after_epoch=keep)
        log = train(model, run.recipe, run.task, phase, tick=run.tick)
        state = _copy(model)
        return state | {f"early:{n}": t for n, t in early.items()}, log

    # Read it only once: a second call (the teacher of later stages) must not repeat the log.
    found = run.checkpoints.read("teacher")
    tensors = found[0] if found is not None and run.log else run.stage("teacher", make)
    state = {n: t for n, t in tensors.items() if not n.startswith("early:")}
    return state, {n.removeprefix("early:"): t for n, t in tensors.items() if n.startswith("early:")}


def _with_selectors(run: Run, state: State) -> Spikformer:
    """The model with selectors; parameters from ``state``, the selectors' initialisation where it has none."""
    model = dense_model(run.recipe)
    add_selectors(model, run.recipe)
    model.load_state_dict({n: t for n, t in model.state_dict().items() if n.startswith("selector.")} | state)
    return _fast(model)


def _settle(run: Run, model: Spikformer, label: str) -> list[Record]:
    """Re-estimate the norms as inference sees them, and say how good the stage is."""
    reestimate_norms(model, run.recipe, run.task, label)
    validation = accuracy(model, run.task, run.task.data.validation)
    record: Record = {"stage": label, "epoch": "end", "validation": validation}
    run.tick(record)
    return [record]


def tokens_stage(run: Run, start: State) -> State:
    """Train selectors and network together, from the dense weights, with masks sampled from Gumbel-softmax."""
    tokens = run.recipe.constraints.tokens
    if tokens is None:
        return start

    def make() -> tuple[State, list[Record]]:
        model = _with_selectors(run, start)
        phase = Phase("tokens", tokens.epochs, tokens.rate, soft=True)
        log = train(model, run.recipe, run.task, phase, run.teacher, run.tick)
        return _copy(model), log + _settle(run, model, "tokens")

    return run.stage("tokens", make)


def masks_stage(run: Run, trained: State, early: State) -> tuple[State, Masks]:
    """Prune by magnitude, rewind to the early weights with the selector's initialisation, retrain; each round."""
    masks = run.recipe.constraints.masks
    if masks is None:
        return trained, {}
    model = _with_selectors(run, early)
    early_whole = _copy(model)
    names = list(prunable(model))
    mine = sum(p.numel() for p in prunable(model).values())
    total = mine + selector_weights(model)
    current: Masks | None = None
    for number in range(1, masks.rounds + 1):
        # The selectors' weights count as kept, so the network gives up their share too.
        keep = survivors(total, masks.sparsity, masks.rounds, number) - (total - mine)
        chosen = magnitude_masks({n: trained[n] for n in names}, keep, current)
        last = number == masks.rounds
        label = f"masks-{number:02d}"

        def make(
            chosen: Masks = chosen, label: str = label, last: bool = last, keep: int = keep
        ) -> tuple[State, list[Record]]:
            rewind(model, early_whole, chosen)
            epochs = masks.final_epochs if last and masks.final_epochs else masks.epochs
            phase = Phase(label, epochs, masks.rate, soft=bool(run.recipe.selector_blocks()), masks=chosen)
            log = train(model, run.recipe, run.task, phase, run.teacher, run.tick)
            log += _settle(run, model, label)
            log[-1]["kept"] = keep + total - mine
            return _copy(model) | {_MASK + n: m.to(torch.uint8) for n, m in chosen.items()}, log

        tensors = run.stage(label, make)
        trained = {n: t for n, t in tensors.items() if not n.startswith(_MASK)}
        current = {n.removeprefix(_MASK): t.bool() for n, t in tensors.items() if n.startswith(_MASK)}
    return trained, current or {}


def quantisers_stage(run: Run, start: State, masks: Masks) -> State:
    """Learned steps with soft tokens; then tokens gathered; then norms frozen on the exact membrane grid."""
    quantisers = run.recipe.constraints.quantisers
    soft = bool(run.recipe.selector_blocks())
    model = _with_selectors(run, start)
    quantise(model, run.recipe)
    _fast(model)

    def learn() -> tuple[State, list[Record]]:
        phase = Phase("quantisers", quantisers.epochs, quantisers.rate, soft=soft, masks=masks)
        log = train(model, run.recipe, run.task, phase, run.teacher, run.tick)
        return _copy(model), log + _settle(run, model, "quantisers")

    def gather() -> tuple[State, list[Record]]:
        phase = Phase("gather", quantisers.gather_epochs, quantisers.rate, masks=masks)
        log = train(model, run.recipe, run.task, phase, run.teacher, run.tick)
        return _copy(model), log + _settle(run, model, "gather")

    def grid() -> tuple[State, list[Record]]:
        set_exact(model, True)
        phase = Phase("grid", quantisers.grid_epochs, quantisers.rate * 0.5, frozen_norms=True, masks=masks)
        log = train(model, run.recipe, run.task, phase, run.teacher, run.tick)
        return _copy(model), log

    model.load_state_dict(run.stage("quantisers", learn))
    for selector in selectors(model):
        selector.requires_grad_(False)  # hard gathering gives them no gradient; decay alone must not move them
    model.load_state_dict(run.stage("gather", gather))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.weight.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith(".step"):
            parameter.requires_grad_(False)
    set_mode(model, hard=True)
    return run.stage("grid", grid)
