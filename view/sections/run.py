"""A compression run: what came out, the training stage by stage, masks by round, and the networks that were tried."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from spikewright.view.refs import Ref, listed, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import RunSource
from spikewright.view.svg import ROW, across, el, mark, picture, short, text, ticks, value

LEFT, WIDE, HIGH, TOP = 52, 660, 180, 14
#: Pixels between the names of two stages.
APART = 15


def outcome(source: RunSource) -> Section:
    """Accuracy and size of what the run ended in."""
    metrics = source.metrics
    weights, accuracy = metrics / "weights", metrics / "accuracy"
    facts: list[tuple[str, Markup]] = [
        (f"right answers, {rung}", Markup("{} of {}").format(show(row / "correct"), show(row / "count")))
        for rung, row in accuracy.items()
    ]
    facts += [(f"validation, {rung}", show(row, "hundredth")) for rung, row in (metrics / "validation").items()]
    facts += [
        ("weights kept", Markup("{} of {}").format(show(weights / "kept"), show(weights / "total"))),
        ("bits a weight", show(weights / "average_bits", "two")),
    ]
    facts += [
        (f"{scheme} weights", show(count)) for scheme, count in (weights / "weights_by_scheme").items()
    ] if "weights_by_scheme" in weights.value else []  # fmt: skip
    if weights.value.get("tokens"):
        facts.append(("tokens", listed([show(kept) for kept in weights / "tokens"], " to ")))
    if metrics.value.get("compression"):
        facts += [(f"smaller, by {key}", show(times, "times")) for key, times in (metrics / "compression").items()]
    lead = Markup("Trained on {}; test images are asked once, at the end.").format(show(metrics / "data", "text"))
    body = [el("dl", *(el("div", el("dt", words), el("dd", number)) for words, number in facts), class_="facts")]
    return Section("outcome", "What came out", lead, body)


def training(source: RunSource) -> Section | None:
    """Loss and validation accuracy, epoch by epoch, and the stages in their order."""
    log = list(source.log)
    stages = _stages(log)
    if not stages:
        return None
    body = []
    for key, title, style in (("loss", "Loss", "three"), ("validation", "Validation accuracy, %", "one")):
        points = [(at, record / key) for at, record in enumerate(log) if key in record.value]
        if points:
            body += [Markup("<h3>{}</h3>").format(title), _curve(points, stages, len(log), title, style)]
    rows = [_stage_row(stage, [log[at] for at in range(first, after)]) for stage, first, after in stages]
    head = ("stage", "epochs", "first loss", "last loss", "last validation, %")
    lead = Markup("Each stage begins where the one before ended; the lines between them are thin.")
    return Section("training", "Training", lead, body, table(head, rows))


def masks(source: RunSource) -> Section | None:
    """Weights that each round of pruning kept."""
    rounds = [record for record in source.log if "kept" in record.value]
    if not rounds:
        return None
    most = max(record.value["kept"] for record in rounds)
    left, right, top = 170, 560, 22
    marks, y = across(left, right, top, top + ROW * len(rounds), most), float(top)
    for record in rounds:
        kept, stage = record / "kept", record.value["stage"]
        marks.append(text(left - 6, y + 13, stage, kind="name", anchor="end"))
        width = (right - left) * kept.value / most
        marks.append(mark("rect", kept, "count", stage, "weights kept", x=left, y=y + 3, width=width, height=12,
                          class_="bar"))  # fmt: skip
        marks.append(value(right + 8, y + 13, kept, "count"))
        y += ROW
    rows = [(name(record.value["stage"]), show(record / "kept"), _validation(record)) for record in rounds]
    chart = picture(right + 80, y + 4, "Weights that each round of pruning kept", marks)
    lead = Markup("Weights that are left after each round, and the validation accuracy at its end.")
    return Section("masks", "Masks by round", lead, [chart], table(("round", "weights kept", "validation, %"), rows))


def tried(source: RunSource) -> Section | None:
    """Accuracy over cycles of the networks on the way; where the recipe names a target board."""
    if source.tried is None:
        return None
    points = list(source.tried)
    cycles = max(point.value["cycles"] for point in points) * 1.05
    low = min(point.value["validation"] for point in points)
    low, high = max(0.0, low - 2), min(100.0, max(point.value["validation"] for point in points) + 2)
    bottom = TOP + HIGH
    marks = _scale(low, high, bottom)
    for tick in ticks(cycles):
        x = LEFT + WIDE * tick / cycles
        marks += [el("line", x1=x, x2=x, y1=TOP, y2=bottom, class_="grid"),
                  text(x, bottom + 14, short(tick), kind="tick", anchor="middle")]  # fmt: skip
    for point in points:
        row, accuracy = point.value, point / "validation"
        x, y = LEFT + WIDE * row["cycles"] / cycles, bottom - HIGH * (row["validation"] - low) / (high - low)
        kind = 0 if row["best"] else 2 if row["estimated"] else 1
        marks.append(mark("circle", accuracy, "one", f"{row['stage']}, {row['cycles']} cycles", "%", cx=x, cy=y, r=5,
                          class_=f"point-{kind}"))  # fmt: skip
    rows = [
        (name(point.value["stage"]), show(point / "validation", "one"), show(point / "cycles"), show(point / "bits"),
         show(point / "best", "yes"), show(point / "estimated", "yes"))
        for point in points
    ]  # fmt: skip
    head = ("stage", "validation, %", "cycles", "stored bits", "on the front", "estimated")
    lead = Markup(
        "Validation accuracy upwards, cycles of an image to the right. Those of the first colour are on the Pareto "
        "front; cycles of grey ones are the cost model's estimate, because the board does not take the network."
    )
    chart = picture(LEFT + WIDE + 20, bottom + 24, "Accuracy over cycles of every network on the way", marks)
    return Section("tried", "Networks that were tried", lead, [chart], table(head, rows))


def _validation(record: Ref) -> Markup:
    return show(record / "validation", "one") if "validation" in record.value else Markup("–")


def _stages(log: Sequence[Ref]) -> list[tuple[str, int, int]]:
    """Stage, its first record and the one after its last."""
    stages: list[tuple[str, int, int]] = []
    for at, record in enumerate(log):
        stage = str(record.value["stage"])
        if stages and stages[-1][0] == stage:
            stages[-1] = stage, stages[-1][1], at + 1
        else:
            stages.append((stage, at, at + 1))
    return stages


def _stage_row(stage: str, records: Sequence[Ref]) -> list[Markup]:
    losses = [record / "loss" for record in records if "loss" in record.value]
    last = [record / "validation" for record in records if "validation" in record.value]
    epochs = [record / "epoch" for record in records if record.value["epoch"] != "end"]
    none = Markup("–")
    return [
        name(stage),
        show(epochs[-1]) if epochs else none,
        show(losses[0], "three") if losses else none,
        show(losses[-1], "three") if losses else none,
        show(last[-1], "one") if last else none,
    ]


def _scale(low: float, high: float, bottom: float) -> list[Markup]:
    """Lines of a scale upwards."""
    marks = []
    for tick in ticks(high - low):
        y = bottom - HIGH * tick / (high - low)
        marks += [el("line", x1=LEFT, x2=LEFT + WIDE, y1=y, y2=y, class_="grid"),
                  text(LEFT - 4, y + 4, short(low + tick), kind="tick", anchor="end")]  # fmt: skip
    return marks


def _curve(
    points: Sequence[tuple[int, Ref]], stages: Sequence[tuple[str, int, int]], count: int, title: str, style: str
) -> Markup:
    values = [ref.value for _, ref in points]
    low = 0.0 if min(values) < max(values) / 3 else min(values) - (max(values) - min(values)) * 0.1
    high = max(max(values), low + 1e-9)
    bottom, last = TOP + HIGH, -100.0
    marks = _scale(low, high, bottom)
    for stage, first, _ in stages:
        x = LEFT + WIDE * first / count
        marks.append(el("line", x1=x, x2=x, y1=TOP, y2=bottom, class_="step"))
        if x - last >= APART:
            marks.append(el("text", stage, x=x, y=bottom + 10, class_="name aslant",
                            transform=f"rotate(50 {x:.1f} {bottom + 10:.1f})"))  # fmt: skip
            last = x
    places = [
        (LEFT + WIDE * (at + 0.5) / count, bottom - HIGH * (ref.value - low) / (high - low), ref) for at, ref in points
    ]
    marks.append(el("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places), class_="curve curve-0"))
    for (x, y, ref), (at, _) in zip(places, points, strict=True):
        stage = next(stage for stage, first, after in stages if first <= at < after)
        marks.append(mark("circle", ref, style, stage, cx=x, cy=y, r=2, class_="point-0"))
    return picture(LEFT + WIDE + 50, bottom + 90, f"{title} by epoch, stage by stage", marks)
