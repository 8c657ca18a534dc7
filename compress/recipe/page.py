"""The page docs/recipes.md, drawn from the schema: ``python -m spikewright.compress.recipe.page > docs/recipes.md``."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spikewright.compress.recipe.constraints import (
    Constraints,
    FixedQuantisers,
    GuidedMasks,
    L1PMasks,
    LayerFormat,
    LotteryMasks,
    MagnitudeMasks,
    NeuronConstraint,
    SearchedQuantisers,
    StructuredPruning,
    Teacher,
    Tokens,
    Training,
)
from spikewright.compress.recipe.schema import Recipe, Target
from spikewright.models.convnets import ConvNetConfig
from spikewright.models.data.source import Arrays, Folder, PublishedSet
from spikewright.models.factory import FactoryConfig
from spikewright.models.spikformer import SpikformerConfig

_HEAD = """# Recipes

A recipe is a YAML file; `spikewright compress RECIPE.yaml -o RUN` trains what it says, `--dry-run` shows the order, the
epochs, the expected size, work and cycles, and the time. An unknown key or choice is refused, and the nearest known one
is named. This page is drawn from the schema (`python -m spikewright.compress.recipe.page > docs/recipes.md`).

```yaml
model: {family: spikformer, depth: 4, dim: 64, heads: 4, steps: 4}
data: clutter-digits   # or {npz: FILE}, {folder: DIR}, {set: NAME, folder: DIR}
teacher: {epochs: 30}
constraints:
  tokens: {keep: 0.65, epochs: 15}
  masks: {method: lottery, sparsity: 0.9, rounds: 8, epochs: 15, rewind: 3}
  neuron: {kind: slif, epochs: 10}
  quantisers: {method: search, target_bits: 3.4, epochs: 15}
target: {board: ulx3s-85f}
```

A Spikformer that you trained elsewhere begins a recipe by `teacher: {checkpoint: best.safetensors, epochs: 0}`; any
other network is `model: {factory: "mypkg.net:build", checkpoint: best.safetensors}`, on which `structure` and `tokens`
do not work ([both](methods.md#your-own-network)). A vgg or resnet takes `masks.method` attention-guided or magnitude.

Every recipe ends in a package that the golden model and the accelerator run, where [a board](supported.md) is large
enough. With a `target`, `--dry-run` says whether it is, and a run before it trains.

Constraints persist: each stage trains with all that came before it. Their order is fixed, whatever the file's:

| constraint | method, one function or small class | stage of a run |
|---|---|---|
| `structure` | `compress/methods/dimensions.py` | `compress/run/stages/structure.py` |
| `tokens` | `compress/methods/tokens.py`; controls in `selector_controls.py` | `compress/run/stages/tokens.py` |
| `masks` | `compress/methods/masks.py`, `lottery.py`, `guided.py`, `channels.py` | `compress/run/stages/masks.py` |
| `neuron` | `compress/methods/plastic.py` | `compress/run/stages/neuron.py` |
| `quantisers` | `compress/methods/quantise.py`; `compress/search/` | `compress/run/stages/quantisers.py` |

A run folder ends with `package.safetensors`, `metrics.json`, `log.jsonl`, the resolved `recipe.yaml`, the checkpoints
`dense.safetensors` and `quantised.safetensors`, those of every stage in `stages/`, and, where the recipe has a
`target`, `tried.json` and `tried.svg`: accuracy, cycles and stored bits of every network on the way, by the compiler;
where the board does not take one, estimated and marked so. In `metrics.json`:

| key | meaning |
|---|---|
| `accuracy`, `validation` | of the dense network in float, and of the quantised one; validation in percent |
| `pruned` | pruned / dense weights with more than one dimension; the selectors' count as kept (paper 1's sparsity) |
| `weights` | codes of all quantised layers, selectors and shortcuts included; kept: not 0, so rounding prunes too |
| `compression` | [three numbers](protocol.md) against the dense network, `stored` by estimate, on the usual engine |
| `gflops` | multiply-accumulates of all steps, pruned weights included, dense and compressed |

The report of a build ([its keys](report.md)) counts the package's own weights, and exactly the ROMs of its own engine,
so its three numbers differ a little.
"""
#: Sections in the order of the page: title, schema.
_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("the whole", Recipe),
    ("model: spikformer", SpikformerConfig),
    ("model: vgg, resnet", ConvNetConfig),
    ("model: factory", FactoryConfig),
    ("data: npz", Arrays),
    ("data: folder", Folder),
    ("data: set", PublishedSet),
    ("training", Training),
    ("teacher", Teacher),
    ("constraints", Constraints),
    ("constraints.structure", StructuredPruning),
    ("constraints.tokens", Tokens),
    ("constraints.masks: lottery", LotteryMasks),
    ("constraints.masks: l1p", L1PMasks),
    ("constraints.masks: attention-guided", GuidedMasks),
    ("constraints.masks: magnitude", MagnitudeMasks),
    ("constraints.neuron", NeuronConstraint),
    ("constraints.quantisers: fixed", FixedQuantisers),
    ("constraints.quantisers: search", SearchedQuantisers),
    ("constraints.quantisers.layers: PATTERN", LayerFormat),
    ("target", Target),
)


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_section(title, schema) for title, schema in _SECTIONS)


def _section(title: str, schema: type[BaseModel]) -> str:
    about = " ".join((schema.__doc__ or "").split())
    lines = [f"\n## `{title}`\n", f"{about}\n", "| key | values | default | |", "|---|---|---|---|"]
    for key, field in schema.model_fields.items():
        if _is_part(field.annotation):
            values, default = "a section below", "required" if field.is_required() else ""
        else:
            values = _values(field.annotation)
            default = _default(field)
        limits = ", ".join(_limit(m) for m in field.metadata if _limit(m))
        words = "; ".join(text for text in (field.description or "", limits) if text)
        lines.append(f"| `{key}` | {values} | {default} | {words} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra  # where it is not the schema's to know
    if isinstance(extra, dict):
        return str(extra["default"])
    return "required" if field.is_required() else f"`{_shown(field.get_default(call_default_factory=True))}`"


def _is_part(kind: Any) -> bool:
    if isinstance(kind, type):
        return issubclass(kind, BaseModel)
    return any(_is_part(argument) for argument in get_args(kind))


def _values(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return _values(get_args(kind)[0])
    if "Literal" in str(get_origin(kind)):
        return ", ".join(f"`{argument}`" for argument in get_args(kind))
    inner = [_values(argument) for argument in get_args(kind) if argument not in (type(None), Ellipsis)]
    if get_origin(kind) is tuple:
        return f"list of {inner[0]}"
    if get_origin(kind) is dict:
        return "mapping"
    if inner:
        return " or ".join(dict.fromkeys(inner))
    names = {"int": "whole number", "float": "number", "str": "text", "bool": "`true`, `false`", "Any": "anything"}
    return names.get(getattr(kind, "__name__", str(kind)), "text")


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _limit(rule: Any) -> str:
    for name, sign in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
        if (bound := getattr(rule, name, None)) is not None:
            return f"{sign} {bound}"
    return ""


if __name__ == "__main__":
    print(page(), end="")
