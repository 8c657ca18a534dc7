"""Constructors refuse wrong arguments in one sentence that says what was allowed and what was given."""

import re

import pytest
from structures import structure

from spikewright.compiler.target.structure import Shape
from spikewright.hdl.attention import AttentionUnit, ProductMemory
from spikewright.hdl.fetch import WeightFetch
from spikewright.hdl.issue import Issue
from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.lif import LifArray
from spikewright.hdl.loader import PixelLoader
from spikewright.hdl.memory import Bank, Rom, RomStream
from spikewright.hdl.mover import Mover
from spikewright.hdl.nest import LoopNest
from spikewright.hdl.neurons import NeuronControl
from spikewright.hdl.pot import PotMultiplier
from spikewright.hdl.program import ProgramMemory
from spikewright.hdl.results import Results
from spikewright.hdl.selector import TokenSelector
from spikewright.hdl.silence import LiveMemory, SilenceFilter
from spikewright.hdl.spikes import SpikeMemory
from spikewright.hdl.writeback import ResidualCapture, WriteBack

OF_A_STRUCTURE = (
    AttentionUnit,
    Issue,
    LaneArray,
    LifArray,
    LoopNest,
    Mover,
    NeuronControl,
    PixelLoader,
    ProductMemory,
    ProgramMemory,
    Results,
    SilenceFilter,
    SpikeMemory,
    TokenSelector,
    WeightFetch,
    WriteBack,
)


def refused(message, make, **arguments):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(**arguments)


@pytest.mark.parametrize("component", OF_A_STRUCTURE, ids=lambda component: component.__name__)
def test_structure(component):
    component(structure=structure("odd"))
    refused("structure must be a Structure, not None", component, structure=None)
    shape = Shape()
    refused(f"structure must be a Structure, not {shape!r}", component, structure=shape)


@pytest.mark.parametrize(
    ("name", "value"), [("width", 0), ("width", -3), ("width", 8.0), ("depth", 0), ("depth", "16"), ("depth", None)]
)
@pytest.mark.parametrize("component", [Rom, Bank, RomStream], ids=lambda component: component.__name__)
def test_memory(component, name, value):
    arguments = {"width": 8, "depth": 16, "file": "words.hex"}
    component(**arguments)
    refused(f"{name} must be a positive integer, not {value!r}", component, **arguments | {name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("code_bits", 0, "code_bits must be a positive integer, not 0"),
        ("code_bits", 1, "code_bits must be an integer from 2 to 8, not 1"),
        ("code_bits", 9, "code_bits must be an integer from 2 to 8, not 9"),
        ("planes", 0, "planes must be a positive integer, not 0"),
        ("value_bits", 1.5, "value_bits must be a positive integer, not 1.5"),
    ],
)
def test_pot_multiplier(name, value, message):
    arguments = {"code_bits": 4, "planes": 8, "value_bits": 16}
    PotMultiplier(**arguments)
    refused(message, PotMultiplier, **arguments | {name: value})


@pytest.mark.parametrize("ports", [0, -1, "2"])
def test_live_memory(ports):
    refused(f"ports must be a positive integer, not {ports!r}", LiveMemory, structure=structure(), ports=ports)
    refused("structure must be a Structure, not {}", LiveMemory, structure={}, ports=1)


@pytest.mark.parametrize("latency", [1, 0, 2.5, None])
def test_residual_capture(latency):
    message = f"latency must be an integer of at least 2, not {latency!r}"
    refused(message, ResidualCapture, structure=structure(), latency=latency)
    refused("structure must be a Structure, not 3", ResidualCapture, structure=3, latency=2)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tokens", 1, "tokens must be an integer from 2 to 256, not 1"),
        ("tokens", 4.0, "tokens must be an integer from 2 to 256, not 4.0"),
        ("steps", 17, "steps must be an integer from 1 to 16, not 17"),
        ("banks", 0, "banks must be an integer from 1 to 16, not 0"),
        ("streams", 3, "streams must be an integer from 1 to 2, not 3"),
    ],
)
def test_shape(name, value, message):
    refused(message, Shape, **{name: value})


def test_streams_need_banks():
    refused("2 streams need at least 2 banks, not 1", Shape, banks=1, streams=2)
