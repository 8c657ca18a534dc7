"""What synthesis found out: a typed report, and the parser of nextpnr's report file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from spikewright.errors import PlainError


class ReportError(PlainError):
    """A tool's report could not be read; the message names the file and what is missing."""


class _Reported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Use(_Reported):
    """Cells of one kind: used, and present in the device."""

    used: int = Field(description="Used.")
    available: int = Field(description="There in the device.")


class CriticalPath(_Reported):
    """The slowest register-to-register path of a clock."""

    start: str = Field(description="Name of the cell that it leaves.")
    end: str = Field(description="Name of the cell, and its pin, that it reaches.")
    delay_ns: float = Field(description="Its length, ns.")
    logic_ns: float = Field(description="Of that in cells, with set-up, ns.")
    routing_ns: float = Field(description="Of that in wires, ns.")
    nets: tuple[str, ...] = Field(description="The nets it passes, in order.")


class Floorplan(_Reported):
    """Cells of each unit by place, in squares of equal size over the device."""

    columns: int = Field(description="Squares across.")
    rows: int = Field(description="Squares down.")
    total: list[list[int]] = Field(description="Cells in each square, row by row.")
    most: int = Field(description="Cells of the fullest square.")
    units: dict[str, int] = Field(description="Cells by unit.")
    density: dict[str, list[list[int]]] = Field(description="By unit: its cells in each square, row by row.")


class Utilisation(_Reported):
    """Result of one synthesis, place and route.

    lut: four-input lookup tables, those in carry chains included; lut_ram: distributed memory write ports (each takes
    lookup tables, counted in ``lut``); fmax_mhz: reached by the design's clock; clock_mhz: what the board runs it at;
    seconds: wall time of each tool.
    """

    board: str
    part: str
    seed: int
    lut: Use
    ff: Use
    block_ram: Use
    dsp: Use
    lut_ram: Use
    fmax_mhz: float
    clock_mhz: float
    critical_path: CriticalPath | None
    floorplan: Floorplan | None
    seconds: dict[str, float]

    @property
    def meets_clock(self) -> bool:
        """Whether the design may run at the board's clock."""
        return self.fmax_mhz >= self.clock_mhz


def read_nextpnr(path: Path, names: Mapping[str, str]) -> dict[str, Any]:
    """Utilisation, Fmax and critical path from nextpnr's ``--report`` file, as fields of ``Utilisation``.

    names: the family's cell type behind each resource. Of several clocks the slowest counts: a board top has one.
    """
    try:
        report = json.loads(path.read_text())
        cells = report["utilization"]
        fields: dict[str, Any] = {word: Use(**cells.get(cell, _NONE)) for word, cell in names.items()}
        clocks = report["fmax"]
        if not clocks:
            raise ReportError(f"{path.name}: there is no clocked path in the design")
        clock = min(clocks, key=lambda name: float(clocks[name]["achieved"]))
        fields["fmax_mhz"] = round(float(clocks[clock]["achieved"]), 2)
        fields["critical_path"] = _critical_path(report.get("critical_paths", []), clock)
        return fields
    except FileNotFoundError:
        raise ReportError(f"{path.name}: nextpnr left no report") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ReportError(f"{path.name}: not a nextpnr report ({type(error).__name__}: {error})") from None


_NONE = {"used": 0, "available": 0}


def _critical_path(paths: list[dict[str, Any]], clock: str) -> CriticalPath | None:
    for path in paths:
        segments = path["path"]
        if not (path["from"].endswith(clock) and path["to"].endswith(clock) and segments):
            continue
        routing = sum(float(segment["delay"]) for segment in segments if segment["type"] == "routing")
        total = sum(float(segment["delay"]) for segment in segments)
        nets = dict.fromkeys(segment["net"] for segment in segments if "net" in segment)
        last = segments[-1]["to"]
        return CriticalPath(
            start=segments[0]["from"]["cell"],
            end=f"{last['cell']}.{last['port']}",
            delay_ns=round(total, 3),
            logic_ns=round(total - routing, 3),
            routing_ns=round(routing, 3),
            nets=tuple(nets),
        )
    return None
