"""Every shape of the engine that was considered: cycles over LUT, the chosen one marked."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.view.refs import Ref, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import el, legend, picture, short, text, ticks

LEFT, WIDE, HIGH = 60, 560, 300
KINDS = {"chosen": "chosen", "fits": "fits", "too large": "too large", "other": "not taken"}


def shapes(source: BuildSource) -> Section:
    """A chart of those whose LUT are known, and a table of all."""
    candidates = source.ref / "candidates"
    lead = Markup("{}").format(show(source.ref / "choice", "text"))
    rows = [_row(candidate) for candidate in candidates]
    head = ("lanes", "banks", "streams", "cycles", "by the estimate", "LUT", "block RAMs", "what became of it")
    body = [] if len(rows) < 2 else [_chart(source, [each for each in candidates if each.value["lut"] is not None])]
    return Section("shapes", "Shapes that were considered", lead, [part for part in body if part], table(head, rows))


def _row(candidate: Ref) -> list[Markup]:
    numbers = [show(candidate / key) for key in ("lanes", "banks", "streams", "cycles", "estimate", "lut", "block_ram")]
    return [*numbers, show(candidate / "verdict", "text")]


def _kind(candidate: Ref) -> str:
    verdict = candidate.value["verdict"]
    return next((kind for kind in ("chosen", "fits", "too large") if verdict.startswith(kind)), "other")


def _chart(source: BuildSource, points: list[Ref]) -> Markup:
    if not points:
        return Markup("")
    known = [_cycles(point).value for point in points]
    luts = [point.value["lut"] for point in points]
    most, most_lut = max(known), max(luts)
    used = [kind for kind in KINDS if any(_kind(point) == kind for point in points)]
    marks, high = legend([(f"shape-{kind.replace(' ', '-')}", KINDS[kind]) for kind in used], WIDE)
    top, bottom = high + 10.0, high + 10.0 + HIGH
    for tick in ticks(most * 1.05):
        y = bottom - HIGH * tick / (most * 1.05)
        marks += [el("line", x1=LEFT, x2=LEFT + WIDE, y1=y, y2=y, class_="grid"),
                  text(LEFT - 4, y + 4, short(tick), kind="tick", anchor="end")]  # fmt: skip
    for tick in ticks(most_lut * 1.05):
        x = LEFT + WIDE * tick / (most_lut * 1.05)
        marks += [el("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"),
                  text(x, bottom + 14, short(tick), kind="tick", anchor="middle")]  # fmt: skip
    marks += [text(LEFT + WIDE, bottom + 28, "LUT", kind="tick", anchor="end"),
              text(LEFT - 4, top - 2, "cycles", kind="tick", anchor="end")]  # fmt: skip
    needs = source.ref / "needs"
    if needs and needs.value["lut_available"] <= most_lut * 1.05:
        x = LEFT + WIDE * needs.value["lut_available"] / (most_lut * 1.05)
        marks.append(el("line", x1=x, x2=x, y1=top, y2=bottom, class_="limit"))
        marks.append(text(x - 3, top + 10, "the device", kind="label", anchor="end"))
    for point in sorted(points, key=lambda point: _kind(point) == "chosen"):
        marks.append(_point(point, most * 1.05, most_lut * 1.05, bottom))
    label = "Cycles of an image over LUT, a mark for each shape of the engine that was considered"
    return picture(LEFT + WIDE + 20, bottom + 36, label, marks)


def _cycles(point: Ref) -> Ref:
    return point / ("estimate" if point.value["cycles"] is None else "cycles")


def _point(point: Ref, most: float, most_lut: float, bottom: float) -> Markup:
    row, cycles = point.value, _cycles(point)
    x, y = LEFT + WIDE * row["lut"] / most_lut, bottom - HIGH * cycles.value / most
    about = ", by the estimate" if row["cycles"] is None else ""
    shape = f"{row['lanes']} lanes, {row['banks']} banks, {row['streams']} streams, {row['lut']} LUT"
    hint = f"{shape}, {row['verdict']}{about}: {cycles.written('count')} cycles"
    kind = _kind(point)
    return el("circle", el("title", hint), cx=x, cy=y, r=7 if kind == "chosen" else 5,
              class_=f"shape-{kind.replace(' ', '-')}", data_from=cycles.origin, data_as="count")  # fmt: skip
