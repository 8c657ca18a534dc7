"""What is random: every seed and every unit of work draws its own numbers, the same ones each time."""

from typing import Any

import torch

from spikewright.compress.training.loop import seeds


def drawn(seed: int, label: str) -> tuple[Any, ...]:
    generator = seeds(seed, label)
    return tuple(torch.rand(3).tolist()), tuple(torch.randperm(20).tolist()), tuple(generator.random(3).tolist())


def test_the_seed_and_the_unit_of_work_reach_both_generators() -> None:
    units = [(seed, label) for seed in (0, 1, 2, 2**32, 2**32 + 1) for label in ("teacher/0", "teacher/1", "grid/0")]
    draws = [drawn(*unit) for unit in units]
    for generator in zip(*draws, strict=True):
        assert len(set(generator)) == len(units)
    assert [drawn(*unit) for unit in units] == draws
