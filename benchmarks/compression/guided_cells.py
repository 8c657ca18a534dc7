"""Cells of paper 4: a VGG and a ResNet at a quarter of their width, on digits, at four steps."""

from __future__ import annotations

from benchmarks.compression.lottery_cells import dense
from benchmarks.compression.network_cost import compressions
from benchmarks.compression.protocol import FEW_FOLDS, Answer, Cell, begin, finished, judged
from spikewright.compress.run.stages.masks import masks_stage
from spikewright.compress.run.stages.run import student

#: VGG-11: at 33.4 times the validation digits of fold 0 preferred it to VGG-16 by far.
FAMILIES = {
    "vgg": "{family: vgg, depth: 11, width_factor: 0.25}",
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
    {method: METHOD, sparsity: SPARSITY, epochs: 30, rate: 0.003, final_epochs: EPOCHS, final_rate: RATE, leak: 0.75,
    surrogate: atan}
"""
#: Of the sparse SNN: epochs, peak rate; chosen on the validation digits of folds 0 and 1.
FINAL = (480, 0.008)
CHANNELS_FINAL = (40, 0.003)
METHODS = {"attention-guided": "attention-guided, attention: 100", "magnitude": "magnitude"}
#: 33.4 times fewer weights.
IRREGULAR = 1 - 1 / 33.4
#: Channel compressions of the curve.
CHANNELS = (2, 4, 6, 10)


def _recipe(family: str, method: str, sparsity: float, final: tuple[int, float]) -> str:
    text = BASE.replace("MODEL", FAMILIES[family]).replace("METHOD", method).replace("SPARSITY", str(sparsity))
    return text.replace("EPOCHS", str(final[0])).replace("RATE", str(final[1]))


def _variants() -> dict[str, str]:
    recipes = {}
    for family in FAMILIES:
        for method, keys in METHODS.items():
            recipes[f"{family}:{method}"] = _recipe(family, keys, IRREGULAR, FINAL)
    for times in CHANNELS:
        for method, keys in METHODS.items():
            text = _recipe("vgg", f"{keys}, channels: true", 1 - 1 / times, CHANNELS_FINAL)
            recipes[f"vgg:channels-{times}:{method}"] = text
    return recipes


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
        trained, masks = masks_stage(run, state, {})
        network = finished(run, student(run, trained), masks, "masks")
        result[variant] = {"classes": judged(run, network), "compression": compressions(run, network)}
    return result


CELLS = {"guided": Cell(guided, VARIANTS, FEW_FOLDS)}
