"""A network that is made from its graph: the ops of ``spikewright.models.graph``, each owning its modules by its name.

Readers of other tools' files build one; a network that is written by hand tells its graph instead (``describe``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from spikewright.models.graph import IMAGE, Builder, GraphOp, Norm, Result, Size, SpikingNetwork
from spikewright.models.graph_run import execute
from spikewright.models.layers import Conv3, Shortcut
from spikewright.models.neurons import LIF

#: How many values an op of each kind reads. Token selectors are those of ``Spikformer``.
_READS = {"conv": 1, "linear": 1, "pool": 1, "add": 2, "attention": 3, "head": 1}
#: Behind an op's name: the paths of what stands beside its synapse.
NORM, NEURON, BRANCH = "_bn", "_lif", "_shortcut"


class GraphNetwork(SpikingNetwork):
    """Images ``[B, C, H, W]`` (the same at each step) or ``[T, B, C, H, W]`` to class scores ``[B, classes]``.

    ops: in execution order, the last one the head; an op ``a.b`` has its synapse at the path ``a.b``, its norm at
    ``a.b_bn``, its neuron at ``a.b_lif``, its shortcut at ``a.b_shortcut``. ValueError, one sentence, for ops that make
    no network; whether shapes fit is asked where it runs, and by the package.
    """

    def __init__(self, ops: Sequence[GraphOp], output: str, size: Size) -> None:
        super().__init__()
        self._size, self._output = size, output
        known = {IMAGE}
        for op in ops:
            _check(op, known)
            known.add(op.name)
            branch = None if op.shortcut is None else op.shortcut[1]
            parts = {"": op.module, NORM: op.norm, NEURON: op.neuron, BRANCH: branch}
            for suffix, module in parts.items():
                if module is not None:
                    self._own(op.name + suffix, module)
        if not ops or ops[-1].kind != "head" or ops[-1].name != output:
            raise ValueError(f"the last op must be the head, and the output {output!r} its name")
        # what stands at a path may be replaced, by its quantised counterpart; so a plan holds no modules
        self._plan = [replace(op, module=None, norm=None, neuron=None, shortcut=_unowned(op)) for op in ops]

    def _own(self, path: str, module: nn.Module) -> None:
        *way, leaf = path.split(".")
        owner: nn.Module = self
        for name in way:
            if not hasattr(owner, name) and name:
                owner.register_module(name, nn.Module())
            owner = getattr(owner, name, module)
            if type(owner) is not nn.Module:  # a folder of modules; within a layer they would go with it
                raise ValueError(f"{path}: {name!r} on its way is no name that a network can give")
        if hasattr(owner, leaf) or not leaf:
            raise ValueError(f"{path}: the path is taken; each module of an op needs one of its own")
        owner.register_module(leaf, module)

    @property
    def size(self) -> Size:
        return self._size

    def _ops(self) -> list[GraphOp]:
        """The plan, with the modules that stand at its paths now."""
        at = dict(self.named_modules(remove_duplicate=False))
        return [
            replace(
                op,
                module=None if op.kind in ("pool", "add", "attention") else at[op.name],
                norm=cast(Norm | None, at.get(op.name + NORM)),
                neuron=cast(LIF | None, at.get(op.name + NEURON)),
                shortcut=None if op.shortcut is None else (op.shortcut[0], at[op.name + BRANCH]),
            )
            for op in self._plan
        ]

    def run(self, images: Tensor) -> Result:
        values = {IMAGE: images if images.dim() == 5 else images[None]}
        for op in self._ops():
            joined = None if op.shortcut is None else values[op.shortcut[0]]
            values[op.name] = execute(op, [values[name] for name in op.reads], self._size.steps, joined)
        return Result(values[self._output], [])

    def describe(self, to: Builder) -> str:
        for op in self._ops():
            to.ops.append(op)
        return self._output

    def scale_image(self, unit: float) -> None:
        """Say what one unit of an image code is worth, in the units that the weights were trained with."""
        for op in self._ops():
            if op.reads == (IMAGE,):
                if op.shortcut is None:
                    cast(Conv3, op.part).input_scale *= unit
                else:  # what joins is in the units of the sums, whatever the input's are
                    with torch.no_grad():
                        cast(Conv3, op.part).weight.mul_(unit)
            if op.shortcut is not None and op.shortcut[0] == IMAGE:
                cast(Shortcut, op.shortcut[1]).divide(1.0 / unit)


def _check(op: GraphOp, known: set[str]) -> None:
    if op.kind not in _READS:
        raise ValueError(f"{op.name}: a {op.kind} cannot stand in a GraphNetwork; allowed are {', '.join(_READS)}")
    if op.name in known:
        raise ValueError(f"{op.name}: the name is used twice, or the image's; each op has one of its own")
    if len(op.reads) != _READS[op.kind]:
        raise ValueError(f"{op.name}: a {op.kind} reads {_READS[op.kind]} values, not {len(op.reads)}")
    for name in (*op.reads, *(() if op.shortcut is None else op.shortcut[:1])):
        if name not in known:
            raise ValueError(f"{op.name}: reads {name!r}, which no earlier op makes")
    if IMAGE in op.reads and op.kind != "conv":
        raise ValueError(f"{op.name}: a {op.kind} cannot read the image; only a conv can")


def _unowned(op: GraphOp) -> tuple[str, nn.Module] | None:
    return None if op.shortcut is None else (op.shortcut[0], nn.Identity())
