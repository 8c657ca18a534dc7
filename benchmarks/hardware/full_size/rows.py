"""Networks of published size through RTL: every value, every cycle, and what the commands took."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.common import command
from benchmarks.hardware.full_size.measure import Measured, measured
from benchmarks.hardware.full_size.networks import NETWORKS
from benchmarks.hardware.reference_build import WORK
from benchmarks.results import Row, merge

COMMAND = command("full-size")


@dataclass(frozen=True)
class Bar:
    """Most seconds and GiB that a network's commands may take: generate, the simulator, each image."""

    generate: float | None
    build: float
    image: float
    gib: float


BARS = {"spikformer-4-384": Bar(60, 120, 15, 4), "spikformer-8-512": Bar(None, 120, 90, 6)}


def rows() -> list[Row]:
    """On idle cores; each network's rows are drawn as soon as it has run."""
    found = []
    for name, network in NETWORKS.items():
        took = measured(name, network, WORK / "full-size" / name)
        drawn = [exact_row(name, took), time_row(name, took, BARS.get(name))]
        merge(drawn)
        found += drawn
    return found


def exact_row(name: str, took: Measured) -> Row:
    """Whether all is equal, and the cycles."""
    report, always = took.report, took.always
    shape = report.structure
    value = {
        "mismatches": report.mismatches + always.mismatches,
        "values": report.values_compared + always.values_compared, "images": report.images + 1,
        "predicted": always.cycles.predicted, "measured": round(always.cycles.per_image),
        "skipping": round(report.cycles.per_image),
    }  # fmt: skip
    return Row(
        f"hw.full-size-{name}", COMMAND, value, "cycles an image",
        "no mismatch; without skipping cycles predicted = measured; every layer fires at 5 to 20 %",
        took.exact and took.alive, seeds="1",
        note=f"{shape.lanes} lanes, {shape.banks} banks, {shape.streams} streams",
    )  # fmt: skip


def time_row(name: str, took: Measured, bar: Bar | None) -> Row:
    """What the commands took, against the bar if there is one."""
    value = {
        "generate": took.generated.seconds, "build": took.built.seconds,
        "image": round(took.ran.seconds / took.report.images, 1),
        "gib": max(t.gib for t in (took.generated, took.built, took.ran)),
    }  # fmt: skip
    most = {key: limit for key, limit in vars(bar).items() if limit is not None} if bar else {}
    return Row(
        f"hw.full-size-time-{name}", COMMAND, value, "s, s, s an image, GiB of the largest process",
        ", ".join(f"{key} at most {limit}" for key, limit in most.items()) + ", on two idle cores" if most else "",
        all(value[key] <= limit for key, limit in most.items()) if most else None, seeds="1",
    )  # fmt: skip
