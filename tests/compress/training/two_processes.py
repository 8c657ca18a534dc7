"""Started by torchrun in a folder with recipe.yaml: ten steps of training, then ``spikewright compress``.

The first process leaves its losses in losses.json; each one notes in written-RANK.txt what files it put in place.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from small import Double, network, objective

from spikewright.cli import app
from spikewright.compress.training.loop import Phase, Settings, train
from spikewright.compress.training.parallel import Ranks

STEPS = 10


def ten_steps() -> None:
    losses: list[float] = []
    task = Double(limit=STEPS * 16)
    original = Ranks.mean

    def noted(ranks: Ranks, value: float) -> float:
        losses.append(original(ranks, value))
        return losses[-1]

    Ranks.mean = noted  # type: ignore[method-assign]
    train(network(), task, Settings(seed=3, batch=16), Phase("ddp", 1, 2e-3), objective())
    Ranks.mean = original  # type: ignore[method-assign]
    if Ranks.current().rank == 0:
        Path("losses.json").write_text(json.dumps({"losses": losses, "processes": Ranks.current().count}))


def compress() -> None:
    written: list[str] = []
    original = os.replace

    def noted(source: Any, target: Any) -> None:  # every file of a run is moved when it is whole
        original(source, target)
        written.append(Path(target).name)

    os.replace = noted  # type: ignore[assignment]
    app(["compress", "recipe.yaml", "-o", "run"], standalone_mode=False)
    os.replace = original
    Path(f"written-{os.environ['RANK']}.txt").write_text("\n".join(written))


def main() -> None:
    torch.set_num_threads(1)
    ten_steps()
    compress()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
