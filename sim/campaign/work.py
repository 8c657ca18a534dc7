"""One part of a campaign as a worker does it, and what it hands back."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field
from typing import Any

import torch

from spikewright.sim.campaign.ladder import Files, ladder_part
from spikewright.sim.campaign.plan import Part, sources
from spikewright.sim.campaign.rtl import rtl_part


@dataclass(frozen=True)
class Done:
    """A part that is done.

    tally: as plain data; files: of what failed, by path; seconds: of a processor; sources: hash of the worker's.
    """

    part: Part
    tally: dict[str, Any]
    seconds: float
    sources: str
    files: Files = field(default_factory=dict, repr=False)


def do_part(part: Part) -> Done:
    """Do a part in this process, simulators in processes of their own."""
    torch.set_num_threads(1)  # the tensors are small, and there is a worker for each core
    before = _seconds()
    tally, files = (rtl_part if part.kind == "rtl" else ladder_part)(part)
    return Done(part, tally.to_dict(), _seconds() - before, sources(), files)


def _seconds() -> float:
    """Processor time of this process and of those that it has waited for."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)
