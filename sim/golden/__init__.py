"""The integer golden model: package to PyTorch integer tensors, an independent witness.

It reads packages only: no compiler, no banks, schedules or ROMs.
"""

from spikewright.sim.golden.model import (
    GoldenError,
    Trace,
    evaluate,
    hidden_activations,
    image_codes,
    run,
    selector_scores,
    sums,
)

__all__ = ["GoldenError", "Trace", "evaluate", "hidden_activations", "image_codes", "run", "selector_scores", "sums"]
