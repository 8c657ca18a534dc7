"""The curves of the compression methods, drawn from the rows of docs/results.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.quotes import noted

Rows = Mapping[str, dict[str, Any]]
#: A curve: rows by what their ids begin with.
_CURVES = {
    "lottery tickets and tokens": "compress.lottery-round-",
    "L1P, in the blocks": "compress.l1p-",
    "DSP, in the blocks": "compress.dsp-",
    "attention-guided, VGG, by channels": "compress.guided-channels-",
}
#: The search at a target, against each control, by data set.
_SEARCH = r"compress\.search-(\w+)-(\d)-against-(\w+)$"


def curves(rows: Rows) -> bytes | None:
    """SVG of points lost over what is gone, and of the search over its controls; None where no row is there."""
    points_of = {label: _points(rows, start) for label, start in _CURVES.items()}
    against = {key: row for key, row in rows.items() if re.match(_SEARCH, key)}
    if not any(points_of.values()) and not against:
        return None
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for label, points in points_of.items():
        if points:
            _errors(left, [share for share, _ in points], [row for _, row in points], label)
    left.set(xlabel="% of all weights gone", ylabel="points over the dense network")
    left.axhline(0, color="grey", linewidth=0.8)
    if left.get_legend_handles_labels()[0]:
        left.legend(fontsize=7)
    labels = []
    for place, (key, row) in enumerate(sorted(against.items())):
        match = re.match(_SEARCH, key)
        assert match is not None
        _errors(right, [float(place)], [row], color="tab:blue")
        labels.append("{}, {} bits:\n{}".format(*match.groups()))
    right.set(ylabel="points of the search over a control")
    right.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    right.axhline(0, color="grey", linewidth=0.8)
    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "spikewright"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _points(rows: Rows, start: str) -> list[tuple[float, dict[str, Any]]]:
    """Rows of a curve with what is gone there, in percent, ascending."""
    points = ((gone(row["unit"]), row) for key, row in rows.items() if key.startswith(start))
    return sorted(points, key=lambda point: point[0])


def gone(unit: str) -> float:
    """What share of all weights is gone, in percent, as a row's unit says it."""
    share, times = (re.search(pattern, unit) for pattern in (r"([\d.]+) % of all weights", r"at ([\d.]+) times fewer"))
    if share is not None:
        return float(share[1])
    assert times is not None, unit
    return 100 * (1 - 1 / float(times[1]))


def interval(note: str) -> tuple[float, float]:
    """The 95 % interval of a paired difference, as a row's note says it."""
    return float(noted(note, "low")), float(noted(note, "high"))


def _errors(
    axes: Axes, x: list[float], rows: list[dict[str, Any]], label: str | None = None, color: str | None = None
) -> None:
    """Differences with their intervals."""
    values = [float(row["value"]) for row in rows]
    ends = [interval(row["note"]) for row in rows]
    bars = [[value - low for value, (low, _) in zip(values, ends, strict=True)],
            [high - value for value, (_, high) in zip(values, ends, strict=True)]]  # fmt: skip
    axes.errorbar(x, values, yerr=bars, label=label, color=color, marker="o", markersize=4, capsize=2)
