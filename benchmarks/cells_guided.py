"""Cells of paper 4: VGG-16 and ResNet-18 at a quarter of their width, on digits, at four steps."""

from __future__ import annotations

from typing import Any

from cells_lottery import dense
from protocol import begin, judged

from spikewright.compress.masks import prunable
from spikewright.compress.stages.masks import masks_stage
from spikewright.compress.stages.run import student

FAMILIES = {
    "vgg": "{family: vgg, depth: 16, width_factor: 0.25}",
    "resnet": "{family: resnet, depth: 18, width_factor: 0.25}",
}
BASE = """
data: "digits:FOLD"
model: MODEL
training: {batch: 32, jitter: true, distillation: 1.0, weight_decay: 0.0005}
teacher: {epochs: 40, rate: 0.001}
constraints:
  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}
"""
#: 33.4 times fewer weights.
IRREGULAR = 1 - 1 / 33.4
#: Channel compressions of the curve.
CHANNELS = (2, 4, 6, 10)


def guided(fold: int) -> dict[str, Any]:
    """Irregular at 33.4 times, its control by magnitude, and the curve of channel compression."""
    result: dict[str, Any] = {}
    for family, model in FAMILIES.items():
        base = BASE.replace("MODEL", model)
        variants = {
            "irregular": f"method: attention-guided, sparsity: {IRREGULAR}, epochs: 30, final_epochs: 40, rate: 0.001",
            "magnitude": f"method: magnitude, sparsity: {IRREGULAR}, epochs: 30, final_epochs: 40, rate: 0.001",
        }
        if family == "vgg":
            for times in CHANNELS:
                variants[f"channels-{times}"] = (
                    f"method: attention-guided, channels: true, sparsity: {1 - 1 / times}, epochs: 20, "
                    "final_epochs: 30, rate: 0.001"
                )
        for variant, constraint in variants.items():
            run = begin(base + f"  masks: {{{constraint}}}\n", fold)
            state = dense(run)
            if "labels" not in result:
                result["labels"] = run.task.data.test.labels.tolist()
            result.setdefault(f"{family}:dense", {"classes": judged(run, run.teacher)})
            total = sum(p.numel() for p in prunable(run.teacher).values())
            trained, _ = masks_stage(run, state, {})
            network = student(run, trained).eval()
            kept = sum(int(p.count_nonzero()) for p in prunable(network).values())
            result[f"{family}:{variant}"] = {"classes": judged(run, network), "compression": total / kept}
    return result


CELLS = {"guided": guided}
