"""Equal runs give equal bytes: deterministic kernels and a fixed number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic as memory


@contextmanager
def determinism(threads: int) -> Iterator[None]:
    """Deterministic kernels on ``threads`` CPU threads, for the length of the block."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # New tensors need no filling where every kernel writes all of its result; it takes an eighth of the time.
    memory.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = before[2]  # type: ignore[attr-defined]
