"""What a campaign is to do, cut into parts that any worker may do in any order."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from spikewright.errors import PlainError
from spikewright.sim import campaign

#: Graphs of one part, and networks of one structure on RTL.
GRAPHS_A_PART, NETWORKS_A_STRUCTURE = 50, 25


class CampaignError(PlainError):
    """A campaign cannot be run as it was asked for; the text is one sentence."""


@dataclass(frozen=True)
class Plan:
    """A campaign.

    graphs: so many on the ladder; rtl: so many networks on RTL.
    """

    seed: int = 1
    graphs: int = 0
    rtl: int = 0

    def check(self) -> None:
        """``CampaignError`` where a number is not allowed."""
        if min(self.seed, self.graphs, self.rtl) < 0 or max(self.seed, self.graphs, self.rtl) >= 1 << 31:
            raise CampaignError("seed, graphs and rtl must be from 0 to 2147483647")
        if not self.graphs and not self.rtl:
            raise CampaignError("nothing to do: ask for graphs or for networks on rtl")

    def parts(self) -> list[Part]:
        """All parts, those of RTL first: each takes minutes."""
        rtl = [
            Part(self.seed, "rtl", number, min(NETWORKS_A_STRUCTURE, self.rtl - first))
            for number, first in enumerate(range(0, self.rtl, NETWORKS_A_STRUCTURE))
        ]
        return rtl + [
            Part(self.seed, "graphs", first, min(GRAPHS_A_PART, self.graphs - first))
            for first in range(0, self.graphs, GRAPHS_A_PART)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Part:
    """Graphs ``first`` … of the ladder; or, on RTL, the networks of structure ``first``."""

    seed: int
    kind: str
    first: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.first:07d}-{self.count}"


@cache
def sources() -> str:
    """Hash of the project's Python and Verilog: parts done by other sources do not belong together."""
    base = Path(campaign.__file__).resolve().parents[2]  # of the rooms, in a clone as in a wheel
    rooms = ("models", "cost", "compiler", "hdl", "sim")
    digest = hashlib.sha256(metadata.version("torch").encode())
    for file in sorted(
        file for room in rooms for file in (base / room).rglob("*") if file.suffix in (".py", ".v", ".sv")
    ):
        digest.update(str(file.relative_to(base)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]
