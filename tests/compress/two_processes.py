"""Started by torchrun: ten steps of training in several processes; the first one writes its losses."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from small import Double, network, objective

from spikewright.compress.parallel import Ranks
from spikewright.compress.training import Phase, Settings, train

STEPS = 10


def main() -> None:
    torch.set_num_threads(1)
    losses: list[float] = []
    task = Double(limit=STEPS * 16)
    original = Ranks.mean

    def noted(ranks: Ranks, value: float) -> float:
        losses.append(original(ranks, value))
        return losses[-1]

    Ranks.mean = noted  # type: ignore[method-assign]
    train(network(), task, Settings(seed=3, batch=16), Phase("ddp", 1, 2e-3), objective())
    if Ranks.current().rank == 0:
        Path(sys.argv[1]).write_text(json.dumps({"losses": losses, "processes": Ranks.current().count}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
