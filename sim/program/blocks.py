"""The hardware's blocks, for their models: each is made once a program, when it is first asked for."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import UnusedElaboratable

from spikewright.compiler.target.structure import Structure
from spikewright.hdl.attention import AttentionUnit
from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.lif import LifArray
from spikewright.hdl.loader import PixelLoader
from spikewright.hdl.mover import Mover
from spikewright.hdl.nest import LoopNest
from spikewright.hdl.neurons import NeuronControl
from spikewright.hdl.pot import PotMultiplier
from spikewright.hdl.program import ProgramMemory
from spikewright.hdl.selector import TokenSelector
from spikewright.hdl.writeback import ResidualCapture, WriteBack

# they are never elaborated here
warnings.filterwarnings("ignore", category=UnusedElaboratable, module=re.escape(__file__.removesuffix(".py")))


@dataclass(frozen=True)
class Blocks:
    """The blocks of an accelerator whose models the interpreter is built on."""

    structure: Structure

    @cached_property
    def program(self) -> ProgramMemory:
        return ProgramMemory(structure=self.structure)

    @cached_property
    def loader(self) -> PixelLoader:
        return PixelLoader(structure=self.structure)

    @cached_property
    def mover(self) -> Mover:
        return Mover(structure=self.structure)

    @cached_property
    def attention(self) -> AttentionUnit:
        return AttentionUnit(structure=self.structure)

    @cached_property
    def selector(self) -> TokenSelector:
        return TokenSelector(structure=self.structure)

    @cached_property
    def nest(self) -> LoopNest:
        return LoopNest(structure=self.structure)

    @cached_property
    def pot(self) -> PotMultiplier:
        s = self.structure
        return PotMultiplier(code_bits=s.code_bits, planes=s.planes, value_bits=s.value_bits, wide=bool(s.second))

    @cached_property
    def lanes(self) -> LaneArray:
        return LaneArray(structure=self.structure)

    @cached_property
    def capture(self) -> ResidualCapture:
        return ResidualCapture(structure=self.structure, latency=self.lanes.latency + LifArray.latency)

    @cached_property
    def control(self) -> NeuronControl:
        return NeuronControl(structure=self.structure)

    @cached_property
    def lif(self) -> LifArray:
        return LifArray(structure=self.structure)

    @cached_property
    def writer(self) -> WriteBack:
        return WriteBack(structure=self.structure)
