"""Amaranth component → one Verilog file, the port list of a Verilog module, and the memories written by hand.

The text is a function of the component alone (no source paths, no times), so its hash can name a build.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import Const, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from spikewright.files import write_whole

_MODULE = re.compile(r"^module\s+(?:\\)?(?P<name>\S+?)\s*\(", re.MULTILINE)
_PORT = re.compile(r"^\s*(?P<direction>input|output)\s+(?:\[[^\]]*\]\s*)?\\?(?P<name>[^\s;,]+)\s*;", re.MULTILINE)


def memory_sources() -> list[Path]:
    """The hand-written Verilog memories."""
    return sorted((Path(__file__).parent / "verilog").glob("*.v"))


def elaborate(
    component: Any, name: str, out_dir: Path, ports: Sequence[Any] | dict[str, Any] | None = None, platform: Any = None
) -> Path:
    """Write ``out_dir/name.v`` with ``component`` as module ``name``; an unchanged file keeps its time stamp.

    component: a ``wiring.Component``, or any ``Elaboratable`` if ``ports`` lists its signals.
    ports: signals that become ports; None takes them from the component's signature.
    platform: Amaranth platform to elaborate for; None is the portable branch.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"the module name must be a plain Verilog identifier, not {name!r}")
    if ports is None:
        ports = _signature_ports(component)
    text = verilog.convert(
        component, name=name, platform=platform, ports=ports, emit_src=False, strip_internal_attrs=True
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / f"{name}.v"
    if not path.is_file() or path.read_text() != text:
        write_whole(path, text.encode())  # another process may be about to read it
    return path


def _signature_ports(component: Any) -> dict[str, Any]:
    """Ports by flattened name; the constant ``ready`` of an always-ready stream has none."""
    ports = {}
    for path, member, value in component.signature.flatten(component):
        signal = Value.cast(value)
        if not isinstance(signal, Const):
            direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
            ports["__".join(map(str, path))] = (signal, direction)
    return ports


def port_names(verilog_text: str, top: str) -> tuple[list[str], list[str]]:
    """Names of the inputs and of the outputs of module ``top`` in Verilog as yosys writes it."""
    for module in _MODULE.finditer(verilog_text):
        if module["name"] == top:
            end = verilog_text.find("\nendmodule", module.end())
            body = verilog_text[module.end() : end]
            ports = [(p["direction"], p["name"]) for p in _PORT.finditer(body)]
            return [n for d, n in ports if d == "input"], [n for d, n in ports if d == "output"]
    raise ValueError(f"no module {top!r} in the Verilog text")
