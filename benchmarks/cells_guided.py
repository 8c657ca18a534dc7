"""Cells of paper 4: a VGG and a ResNet at a quarter of their width, on digits, at four steps."""

from __future__ import annotations

from cells_lottery import dense
from protocol import FEW_FOLDS, Answer, Cell, begin, judged

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
teacher: {epochs: 60, rate: 0.001}
constraints:
  quantisers: {layers: {"*": {scheme: uniform, bits: 8}}}
  masks:
    {method: METHOD, sparsity: SPARSITY, epochs: 30, rate: 0.003, final_epochs: EPOCHS, leak: 0.75, surrogate: atan}
"""
ATTENTION = ", attention: 100"
#: 33.4 times fewer weights.
IRREGULAR = 1 - 1 / 33.4
#: Channel compressions of the curve.
CHANNELS = (2, 4, 6, 10)


def _variants() -> dict[str, str]:
    found = {}
    for family, model in FAMILIES.items():
        base = BASE.replace("MODEL", model)
        for method in ("attention-guided", "magnitude"):
            text = base.replace("SPARSITY", str(IRREGULAR)).replace("EPOCHS", "60")
            found[f"{family}:{method}"] = text.replace("METHOD", method + ATTENTION * (method != "magnitude"))
    for times in CHANNELS:
        text = BASE.replace("MODEL", FAMILIES["vgg"]).replace("SPARSITY", str(1 - 1 / times)).replace("EPOCHS", "40")
        found[f"vgg:channels-{times}"] = text.replace("METHOD", "attention-guided, channels: true" + ATTENTION)
    return found


VARIANTS = _variants()


def guided(fold: int) -> Answer:
    """Irregular at 33.4 times, its control by magnitude, and the curve of channel compression."""
    result: Answer = {}
    for variant, text in VARIANTS.items():
        run = begin(text, fold)
        state = dense(run)
        if "labels" not in result:
            result["labels"] = run.task.data.test.labels.tolist()
        family = variant.partition(":")[0]
        if f"{family}:dense" not in result:
            result[f"{family}:dense"] = {"classes": judged(run, run.teacher)}
        total = sum(p.numel() for p in prunable(run.teacher).values())
        trained, _ = masks_stage(run, state, {})
        network = student(run, trained).eval()
        kept = sum(int(p.count_nonzero()) for p in prunable(network).values())
        result[variant] = {"classes": judged(run, network), "compression": total / kept}
    return result


CELLS = {"guided": Cell(guided, VARIANTS, FEW_FOLDS)}
