"""Cells of paper 4: a VGG and a ResNet at a quarter of their width, on digits, at four steps."""

from __future__ import annotations

from cells_lottery import dense
from predicted import three_numbers
from protocol import FEW_FOLDS, Answer, Cell, begin, judged

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
METHODS = {"attention-guided": "attention-guided, attention: 100", "magnitude": "magnitude"}
#: 33.4 times fewer weights.
IRREGULAR = 1 - 1 / 33.4
#: Channel compressions of the curve.
CHANNELS = (2, 4, 6, 10)


def _variants() -> dict[str, str]:
    found = {}
    for family, model in FAMILIES.items():
        base = BASE.replace("MODEL", model)
        for method in METHODS:
            text = base.replace("SPARSITY", str(IRREGULAR)).replace("EPOCHS", "60")
            found[f"{family}:{method}"] = text.replace("METHOD", METHODS[method])
    for times in CHANNELS:
        text = BASE.replace("MODEL", FAMILIES["vgg"]).replace("SPARSITY", str(1 - 1 / times)).replace("EPOCHS", "40")
        for method in METHODS:
            found[f"vgg:channels-{times}:{method}"] = text.replace("METHOD", f"{METHODS[method]}, channels: true")
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
        trained, _ = masks_stage(run, state, {})
        network = student(run, trained).eval()
        result[variant] = {"classes": judged(run, network), "compression": three_numbers(run, network)}
    return result


CELLS = {"guided": Cell(guided, VARIANTS, FEW_FOLDS)}
