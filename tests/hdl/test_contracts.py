"""Every component has a contract, a comment for each port, a model, a stated latency, and a bench of its own."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from amaranth.lib import wiring
from structures import structure

import spikewright.boards
import spikewright.hdl

#: Put together from the others; tested as wholes, against the golden model.
WHOLES = {"Accelerator", "SpikeEngine"}


def classes(kind):
    """The classes of one kind that hdl/ defines, by name."""
    return {
        name: member
        for module in pkgutil.iter_modules(spikewright.hdl.__path__)
        for name, member in vars(importlib.import_module(f"spikewright.hdl.{module.name}")).items()
        if inspect.isclass(member) and issubclass(member, kind) and member.__module__.startswith("spikewright.hdl.")
    }


PUBLIC = {name: component for name, component in classes(wiring.Component).items() if not name.startswith("_")}
COMPONENTS = {name: component for name, component in PUBLIC.items() if name not in WHOLES}
#: Groups of ports that more than one component has.
SIGNATURES = classes(wiring.Signature)
#: The files that may define components.
SOURCES = sorted(
    path for room in (spikewright.hdl, spikewright.boards) for path in Path(room.__path__[0]).rglob("*.py")
)


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
        "lanes": 6,
        "most_coarse": 3,
        "wide": False,
    }
    parameters = inspect.signature(component).parameters
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters.values()), "arguments go by name"
    return component(**{name: known[name] for name in parameters})


def is_port(node: ast.expr | None) -> bool:
    """Whether an expression is ``In(…)`` or ``Out(…)``, or an array of it."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("In", "Out")


def ports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and line of each port that a source declares, in annotations or in the dictionary of a signature."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and is_port(node.annotation):
            yield ast.unparse(node.target), node.lineno
        if isinstance(node, ast.DictComp):
            assert not is_port(node.value), f"line {node.lineno}: ports are written out, one a line"
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if is_port(value):
                    assert isinstance(key, ast.Constant), f"line {value.lineno}: ports are written out, one a line"
                    yield key.value, key.lineno


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_port_has_a_line_and_a_comment(source):
    text = source.read_text()
    lines = ["", *text.splitlines()]
    declared = list(ports(ast.parse(text)))
    assert len({line for _, line in declared}) == len(declared), "two ports on one line"
    for name, line in declared:
        commented = re.match(r" *#: \S", lines[line - 1]) or re.search(r"  #: \S", lines[line])
        assert commented, f"{source.name}:{line}: what is {name}?"


@pytest.mark.parametrize("name", PUBLIC)
def test_ports_are_declared_where_they_are_read_about(name):
    """All ports of an instance stand in its class, or in a signature of hdl/ that the class takes over."""
    component = PUBLIC[name]
    text = inspect.getsource(component)
    declared = {port for port, _ in ports(ast.parse(text))}
    for group, signature in SIGNATURES.items():
        if re.search(rf"(\*\*|__init__\(){group}\(", text):
            declared |= {port for port, _ in ports(ast.parse(inspect.getsource(signature)))}
    assert set(made(component).signature.members) == declared


@pytest.mark.parametrize("name", PUBLIC)
def test_one_form_of_docstring(name):
    text = inspect.getdoc(PUBLIC[name])
    assert text.splitlines()[0].endswith("."), "the first sentence fits its line"
    assert not re.search(r"^ *(Args|Members|Parameters|Returns)\b.*:?$|^ *-{4,}$", text, re.MULTILINE)


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
