"""Where cycles could be saved: which layer to prune next."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource

#: Layers that are listed.
MOST = 8


def save(source: BuildSource) -> Section | None:
    """The dearest layers that have weights."""
    ref = source.ref
    layers, cycles = ref / "layers", ref / "cycles" / "layers"
    weighted = [layer for layer, row in layers.value.items() if row["weights"] and layer in cycles.value]
    dearest = sorted(weighted, key=lambda layer: -cycles.value[layer]["cycles"])[:MOST]
    if not dearest:
        return None
    busy = max(dearest, key=lambda layer: _by_weights(cycles / layer))
    lead = Markup(
        "Most cycles go with the weights of {}: {} of {} are kept, and their pairs take {} of its {} cycles. Pruning "
        "it takes cycles in proportion; imbalance goes where each bank keeps as many weights."
    ).format(
        name(busy),
        show(layers / busy / "kept"),
        show(layers / busy / "weights"),
        show(cycles / busy / "breakdown" / "useful"),
        show(cycles / busy / "cycles"),
    )
    rows = [_row(layer, layers / layer, cycles / layer) for layer in dearest]
    head = ("layer", "cycles", "of all", "useful", "imbalance", "LIF", "weights kept", "of", "bits", "spikes fired",
            "pairs skipped")  # fmt: skip
    return Section("save", "Which layer to prune next", lead, [table(head, rows)])


def _by_weights(cycles: Ref) -> float:
    """Cycles that are saved with weights; those of a selector's layers are not told apart."""
    where = cycles.value["breakdown"]
    return float(where["useful"] + where["imbalance"])


def _row(layer: str, op: Ref, cycles: Ref) -> list[Markup]:
    where = cycles / "breakdown"
    return [
        name(layer),
        show(cycles / "cycles"),
        show(cycles / "share", "share"),
        show(where / "useful"),
        show(where / "imbalance"),
        show(where / "lif_minimum"),
        show(op / "kept"),
        show(op / "weights"),
        show(op / "bits"),
        show(op / "fired", "share"),
        show(cycles / "skipped_share", "percent"),
    ]
