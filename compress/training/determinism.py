"""Equal runs give equal bytes: deterministic kernels and a fixed number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic as memory


@contextmanager
def determinism(threads: int) -> Iterator[None]:
    """Deterministic kernels on ``threads`` CPU threads, for the length of the block."""
    threads_before, filled = torch.get_num_threads(), memory.fill_uninitialized_memory  # type: ignore[attr-defined]
    before, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic kernels ask for on a GPU
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # New tensors need no filling where every kernel writes all of its result; it takes an eighth of the time.
    memory.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(before, warn_only=warned)
        memory.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
