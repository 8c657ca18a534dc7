"""Files of a run, each written whole; checkpoints that know their recipe.

Tensors are safetensors, everything else JSON; no pickle and no time stamps, so equal runs give equal bytes.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from spikewright.compress.recipe.constraints import Constraints, LotteryMasks
from spikewright.compress.recipe.reading import RecipeError
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.training.parallel import process_count
from spikewright.files import write_whole
from spikewright.models.data import by_content, fingerprint
from spikewright.models.factory import FactoryConfig, structure_of

#: Key of a checkpoint's metadata.
_ABOUT = "stage"
#: Of the training, in every stage's key: raised when a default or the arithmetic of training changes.
VERSION = 11
#: Constraints of the stages that are not called after theirs.
_OWNERS = {"early": "masks", "gather": "quantisers", "grid": "quantisers", "search": "quantisers"}


def to_json(value: Any) -> str:
    """JSON text with sorted keys, indented."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def portable(recipe: Recipe, *, defaults: bool = True) -> dict[str, Any]:
    """The recipe as JSON with fingerprints for the paths of a user's files: the same wherever they lie.

    A user's own network counts with its structure, as its code may change. defaults: write them too. OSError,
    FormatError where a file is gone, FactoryError where the network cannot be had.
    """
    whole = recipe.model_dump(mode="json", exclude_defaults=not defaults)
    if not isinstance(recipe.data, str):
        whole["data"] |= by_content(recipe.data)
    if isinstance(recipe.model, FactoryConfig):
        whole["model"]["network"] = structure_of(recipe.model)
        if recipe.model.checkpoint is not None:
            whole["model"]["checkpoint"] = fingerprint(recipe.model.checkpoint)
    if recipe.teacher.checkpoint is not None:
        whole["teacher"]["checkpoint"] = fingerprint(recipe.teacher.checkpoint)
    return whole


def recipe_hash(portable_recipe: dict[str, Any]) -> str:
    """Content hash of everything that determines the result, as ``portable`` gives it."""
    text = json.dumps(portable_recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file, names sorted."""
    whole = {name: tensors[name].detach().contiguous() for name in sorted(tensors)}
    write_whole(path, save(whole, metadata=metadata))


def stage_key(recipe: Recipe, stage: str, portable_recipe: dict[str, Any] | None = None) -> str:
    """Content hash of what determines a stage: the shared parts, and the constraints up to its own.

    stage: its name; the constraint that it belongs to comes before a dash, as in ``masks-03``; portable_recipe: what
    ``portable`` gave, without defaults, when the user's files were read. Fields at their default are left out, so that
    a new option does not make old checkpoints strangers. A user's own files count with their content, and several
    processes with their number, because each norm sees its process' share of a batch.
    """
    whole = copy.deepcopy(portable_recipe) if portable_recipe is not None else portable(recipe, defaults=False)
    constraints = whole.pop("constraints")
    for irrelevant in ("name", "target"):
        whole.pop(irrelevant, None)
    if (processes := process_count()) > 1:
        whole["processes"] = processes
    order = list(Constraints.model_fields)
    own = _OWNERS.get(stage, stage.partition("-")[0])
    whole["version"] = VERSION
    reach = order.index(own) + 1 if own in order else 0
    whole["constraints"] = {name: constraints[name] for name in order[:reach] if name in constraints}
    masks = recipe.constraints.masks
    if masks is not None and masks.method != "lottery" and "masks" in whole["constraints"]:
        whole["constraints"]["masks"]["method"] = masks.method  # each class' own default
    if own == "masks" and not (isinstance(masks, LotteryMasks) and _ends_otherwise(masks, stage)):
        whole["constraints"].get("masks", {}).pop("stop_after", None)  # a longer trajectory has the same rounds
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]


def _ends_otherwise(masks: LotteryMasks, stage: str) -> bool:
    """Whether the stage is of the last round, and a longer trajectory would train that round in another way."""
    last = stage.split("-")[1:2] == [f"{masks.last_round:02d}"]
    return last and (masks.start == "random" or masks.final_epochs not in (None, masks.epochs))


class Checkpoints:
    """Checkpoints of a run's stages: tensors and log records by stage name.

    folder: where they lie; shared: several recipes use the folder, and a stage that they have in common is made once
    (the benchmarks do so), so a file's name holds the stage's key. Else a file of another recipe is refused. A user's
    files are what they are now: one that changes while the run trains does not change the run's name.
    """

    def __init__(self, folder: Path, recipe: Recipe, *, shared: bool = False) -> None:
        self.folder, self.recipe, self.shared = folder, recipe, shared
        self._portable = portable(recipe, defaults=False)
        folder.mkdir(parents=True, exist_ok=True)

    def key(self, stage: str) -> str:
        """The stage's key."""
        return stage_key(self.recipe, stage, self._portable)

    def path(self, stage: str) -> Path:
        """The file of a stage."""
        key = f"-{self.key(stage)}" if self.shared else ""
        return self.folder / f"{stage}{key}.safetensors"

    def write(self, stage: str, tensors: dict[str, Tensor], log: list[dict[str, Any]]) -> None:
        """Store a finished stage."""
        # one key only: safetensors writes several in an order that changes from process to process
        about = json.dumps({"recipe": self.key(stage), "log": log}, sort_keys=True)
        save_tensors(self.path(stage), tensors, {_ABOUT: about})

    def check(self, stages: Iterable[str]) -> None:
        """RecipeError where one of these stages has a checkpoint that is another recipe's, before others are made."""
        for stage in stages:
            if self.path(stage).exists():
                self._log(stage)

    def read(self, stage: str) -> tuple[dict[str, Tensor], list[dict[str, Any]]] | None:
        """Tensors and log of a finished stage; None if there is none. RecipeError if it is another recipe's."""
        path = self.path(stage)
        if not path.exists():
            return None
        log = self._log(stage)
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, log  # noqa: SIM118

    def _log(self, stage: str) -> list[dict[str, Any]]:
        """The stage's log, from a checkpoint that is whole and the recipe's; else RecipeError."""
        path = self.path(stage)
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get(_ABOUT, "{}"))
            made_by, log = about.get("recipe"), about.get("log")
        except (SafetensorError, OSError, ValueError, AttributeError) as error:
            raise RecipeError(f"{path}: not a whole checkpoint ({error}); remove it to train the stage again") from None
        if made_by != self.key(stage):
            raise RecipeError(
                f"{path}: made by another recipe, another version of spikewright, or another number of processes; "
                "choose another folder or remove this one"
            )
        return cast("list[dict[str, Any]]", log)
