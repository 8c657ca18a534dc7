"""The verdict, the accuracy ladder, and the figures that one asks for first."""

from __future__ import annotations

from markupsafe import Markup

from spikewright.flow.summary import RUNGS
from spikewright.view.refs import Ref, listed, name, show
from spikewright.view.section import Section, table
from spikewright.view.sources import BuildSource
from spikewright.view.svg import ROW, across, el, mark, picture, text, value

LEFT, RIGHT, TOP = 90, 520, 22


def verdict(source: BuildSource) -> Section:
    """The section of a BUILD."""
    ref = source.ref
    body = [_sentence(ref), _key_figures(ref)]
    if any(ref.value["accuracy"].values()):
        body.append(_ladder(ref / "accuracy"))
    return Section("verdict", "Verdict", _what(ref), body)


def _what(ref: Ref) -> Markup:
    images = ref / "images"
    return Markup("{} {} of {} through the simulated Verilog for {}, each compared with the golden model.").format(
        show(images), "image" if images.value == 1 else "images", name(ref.value["network"]), name(ref.value["board"])
    )


def _sentence(ref: Ref) -> Markup:
    compared, differ = show(ref / "values_compared"), show(ref / "mismatches")
    if ref.value["bit_exact"]:
        words = Markup("Bit-exact: {} of {} values differ.").format(differ, compared)
        return el("p", words, class_="verdict good")
    first = ref / "first_mismatch"
    where = [Markup("{} {}").format(key, show(first / key)) for key in ("image", "step", "token", "channel")]
    words = Markup("Not bit-exact: {} of {} values differ. The first is in layer {}: {}; expected {}, got {}.").format(
        differ,
        compared,
        show(first / "layer", "text"),
        listed(where),
        show(first / "expected"),
        show(first / "got"),
    )
    rows = [(name(layer), show(count)) for layer, count in (ref / "mismatched_layers").items()]
    return Markup("{}{}").format(el("p", words, class_="verdict bad"), table(("layer", "values that differ"), rows))


def _key_figures(ref: Ref) -> Markup:
    cycles, weights = ref / "cycles", ref / "weights"
    facts: list[tuple[str, Markup]] = [
        ("cycles an image", show(cycles / "per_image")),
        ("predicted without skipping", show(cycles / "predicted")),
        ("weights kept", Markup("{} of {}").format(show(weights / "kept"), show(weights / "total"))),
        ("bits a weight", show(weights / "average_bits", "two")),
        ("smaller than float, by stored bits", show(weights / "compression" / "stored", "times")),
        ("tokens", _tokens(ref / "tokens")),
    ]
    if ref.value["rate"] and ref.value["rate"]["images_per_second"]:
        rate = ref / "rate"
        facts.append(
            ("images a second",
             Markup("{} at {} MHz").format(show(rate / "images_per_second"), show(rate / "clock_mhz", "one")))
        )  # fmt: skip
    if ref.value["silent_layers"]:
        silent = [show(layer, "text") for layer in ref / "silent_layers"]
        facts.append(("fired on no image, so nothing is shown of", listed(silent)))
    return el("dl", *(el("div", el("dt", words), el("dd", number)) for words, number in facts), class_="facts")


def _tokens(tokens: Ref) -> Markup:
    return listed([show(tokens / "initial"), *(show(kept) for kept in tokens / "kept")], " to ")


def _ladder(accuracy: Ref) -> Markup:
    marks = across(LEFT, RIGHT, TOP, TOP + ROW * len(RUNGS), 1.0, percent=True)
    y = float(TOP)
    for rung, meaning in RUNGS.items():
        marks.append(text(LEFT - 6, y + 13, rung, kind="label", anchor="end"))
        answers = accuracy / rung
        if answers.value is None:
            marks.append(text(LEFT + 4, y + 13, "not known", kind="label"))
        else:
            share = answers / "share"
            width = (RIGHT - LEFT) * share.value
            marks.append(mark("rect", share, "share", meaning, x=LEFT, y=y + 3, width=width, height=12, class_="bar"))
            marks.append(value(RIGHT + 6, y + 13, answers / "correct", "count"))
            marks.append(text(RIGHT + 42, y + 13, "of", kind="label"))
            marks.append(value(RIGHT + 56, y + 13, answers / "count", "count"))
        y += ROW
    label = "Accuracy at every rung: float, quantised, golden model, simulated hardware"
    return picture(RIGHT + 100, y + 4, label, marks)
