"""What a part of a campaign counted; parts add up in any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from spikewright.models.package import AttentionOp, ConvOp, LinearOp, Package
from spikewright.sim.campaign.coverage import coverage_of
from spikewright.sim.campaign.trial import Judgement, Verdict
from spikewright.sim.golden import Trace
from spikewright.sim.stimulus.graph_tuning import LEAST_RATE, MOST_RATE


@dataclass(eq=False)
class Tally:
    """Counts by words, and lists of what is told one by one.

    verdicts: graphs; refusals: graphs by sentence; layers: of accepted graphs, by what they did; coverage: by role,
    layout and shape; failures: number, verdict, kind and detail of each; structures: what each RTL batch did.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    layers: Counter[str] = field(default_factory=Counter)
    coverage: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    structures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, judgement: Judgement, package: Package) -> None:
        """Count a graph."""
        self.verdicts[judgement.verdict.value] += 1
        if judgement.verdict is Verdict.REFUSED:
            self.refusals[judgement.kind] += 1
        if judgement.verdict is Verdict.ACCEPTED:
            assert judgement.trace is not None
            assert judgement.program is not None
            self.layers.update(layers_of(package, judgement.trace))
            self.coverage += coverage_of(judgement.program)

    def merge(self, other: Tally) -> None:
        """Add another part's counts."""
        for name in ("verdicts", "refusals", "layers", "coverage"):
            getattr(self, name).update(getattr(other, name))
        self.failures += other.failures
        self.structures += other.structures

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {name: dict(sorted(value.items())) if isinstance(value, Counter) else value
                for name, value in vars(self).items()}  # fmt: skip

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Tally:
        """From what ``to_dict`` gave."""
        read: dict[str, Any] = {
            name: value if isinstance(value, list) else Counter(value) for name, value in data.items()
        }
        return Tally(**read)


def silent(package: Package, trace: Trace) -> bool:
    """Whether most layers show nothing."""
    layers = layers_of(package, trace)
    return 2 * layers["alive"] <= layers.total()


def layers_of(package: Package, trace: Trace) -> Counter[str]:
    """How many layers with neurons fire at which rate over the images."""
    counted: Counter[str] = Counter()
    for op in package.network.ops:
        if isinstance(op, ConvOp | LinearOp | AttentionOp):
            rate = float(trace.values[op.name].double().mean())
            if rate in (0.0, 1.0):
                counted["always" if rate else "dead"] += 1
            else:
                counted["alive" if LEAST_RATE <= rate <= MOST_RATE else "seldom" if rate < LEAST_RATE else "often"] += 1
    return counted
