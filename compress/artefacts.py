"""Files of a run: written to a temporary name and moved when whole; checkpoints that know their recipe.

Tensors are safetensors, everything else JSON; no pickle and no time stamps, so equal runs give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from spikewright.compress.recipe import Recipe, RecipeError

#: Key of a checkpoint's metadata.
_ABOUT = "stage"


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` so that no reader ever sees half a file."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def to_json(value: Any) -> str:
    """JSON text with sorted keys, indented."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def recipe_hash(recipe: Recipe) -> str:
    """Content hash of everything that determines the result."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file, names sorted."""
    whole = {name: tensors[name].detach().contiguous() for name in sorted(tensors)}
    write_whole(path, save(whole, metadata=metadata))


class Checkpoints:
    """Checkpoints of a run's stages in ``folder``: tensors and log records by stage name."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self.key = recipe_hash(recipe)
        folder.mkdir(parents=True, exist_ok=True)

    def _path(self, stage: str) -> Path:
        return self.folder / f"{stage}.safetensors"

    def write(self, stage: str, tensors: dict[str, Tensor], log: list[dict[str, Any]]) -> None:
        """Store a finished stage."""
        # one key only: safetensors writes several in an order that changes from process to process
        about = json.dumps({"recipe": self.key, "log": log}, sort_keys=True)
        save_tensors(self._path(stage), tensors, {_ABOUT: about})

    def read(self, stage: str) -> tuple[dict[str, Tensor], list[dict[str, Any]]] | None:
        """Tensors and log of a finished stage; None if there is none. RecipeError if it is another recipe's."""
        path = self._path(stage)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get(_ABOUT, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise RecipeError(f"{path}: not a whole checkpoint ({error}); remove it to train the stage again") from None
        if about.get("recipe") != self.key:
            raise RecipeError(f"{path}: made by another recipe; choose another folder or remove this one")
        return tensors, about["log"]
