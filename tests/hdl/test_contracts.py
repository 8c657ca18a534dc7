"""Every component has a contract, a model, a stated latency, and a bench of its own."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from amaranth.lib import wiring
from structures import structure

import spikewright.hdl

#: Put together from the others; tested as wholes, against the golden model.
WHOLES = {"Accelerator", "SpikeEngine"}


def components():
    found = {}
    for module in pkgutil.iter_modules(spikewright.hdl.__path__):
        for name, item in vars(importlib.import_module(f"spikewright.hdl.{module.name}")).items():
            if inspect.isclass(item) and issubclass(item, wiring.Component) and item is not wiring.Component:
                found[name] = item
    return {name: item for name, item in found.items() if not name.startswith("_") and name not in WHOLES}


COMPONENTS = components()


def made(component):
    """One instance, with arguments by name."""
    known = {
        "structure": structure(),
        "width": 8,
        "depth": 9,
        "file": "words.hex",
        "ports": 2,
        "latency": 4,
        "code_bits": 4,
        "planes": 3,
        "value_bits": 11,
    }
    parameters = inspect.signature(component).parameters
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters.values()), "arguments go by name"
    return component(**{name: known[name] for name in parameters})


@pytest.mark.parametrize("name", COMPONENTS)
def test_contract(name):
    component = COMPONENTS[name]
    text = inspect.getdoc(component)
    assert "eset" in text or "contents" in text, "what a reset does"
    assert re.search(r"cycle|latency", text), "latency and throughput"
    unit = made(component)
    assert callable(unit.model), "an integer model"
    if name != "TokenSelector":  # whose cycles follow from its descriptor: select_cycles, with which its bench compares
        assert isinstance(unit.latency, int)
        assert unit.latency >= 0


@pytest.mark.parametrize("name", COMPONENTS)
def test_has_a_bench(name):
    case = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    benches = "".join(path.read_text() for path in Path(__file__).parent.glob("*_bench.py"))
    assert f"async def {case}(dut):" in benches
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert f'"{case}"' in tests
