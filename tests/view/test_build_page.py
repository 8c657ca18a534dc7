"""report.html of a BUILD: every number is the report's, nothing acts, and what is missing is said."""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from drawn import NAME, SPEC, draw, observe

from spikewright.compiler.fit import ShapeRequest
from spikewright.flow.generate import generate
from spikewright.models.package import write_package
from spikewright.sim.mismatch import Mismatch
from spikewright.sim.stimulus.random_networks import random_images, random_package
from spikewright.view.verify import faults, page_numbers, values

MEBIBYTE = 1 << 20


def test_every_number_is_the_reports(build):
    page = draw(build)
    assert faults(page, build) == []
    assert page_numbers(page, build) > 300
    assert len(page) < 3 * MEBIBYTE
    origins = set(values(page))
    report = json.loads((build / "report.json").read_text())
    for layer in report["cycles"]["layers"]:
        assert f"report.json#/cycles/layers/{layer}/cycles" in origins
    for number, _ in enumerate(report["candidates"]):
        assert f"report.json#/candidates/{number}/verdict" in origins
    assert {"report.json#/values_compared", "report.json#/accuracy/rtl/correct", "traces.json#/images/7/rtl"} <= origins


def test_equal_reports_give_equal_pages(build, tmp_path):
    copy = shutil.copytree(build, tmp_path / "another" / "place")
    assert draw(build) == draw(copy)


@pytest.mark.parametrize(
    ("what", "by"),
    [
        (r'(data-from="report.json#/values_compared" data-as="count">)[^<]+', r"\g<1>7"),
        (r"<title>([\w.]+: )\d+(?= cycles| LUT)", r"<title>\g<1>123456789"),
        ('<p class="lead">', '<p class="lead">42 '),
        ("</main>", "<script>alert(1)</script></main>"),
        ("<h1>", '<h1 onclick="x()">'),
        ("<h1>", '<h1 style="color: red">'),
        ('href="#cycles"', 'href="https://example.org"'),
        ("--ground: #ffffff", "--ground: #fffffe"),
        ('data-from="report.json#/cycles/per_image"', 'data-from="report.json#/cycles/nowhere"'),
    ],
)
def test_a_planted_fault_is_found(what, by, build):
    page = draw(build)
    planted, count = re.subn(what, by, page, count=1)
    assert count == 1
    assert planted != page
    assert faults(planted, build)


def test_names_come_out_as_text(build):
    page = draw(build)
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &#34;quotes&#34;" in page
    assert NAME not in page


def test_the_first_mismatch_is_shown_in_its_layer(build):
    layers = json.loads((build / "report.json").read_text())["layers"]
    layer = next(name for name, row in layers.items() if name.startswith("block1") and row["fired"])
    observe(build, random_images(2, 12, SPEC), None, Mismatch(9, layer, 1, 2, 3, 0, 1))
    page = draw(build)
    assert faults(page, build) == []
    assert "Not bit-exact" in page
    assert re.search(rf'<figure class="bad">(?:(?!</figure>).)*{re.escape(layer)}', page, re.DOTALL)
    assert "traces.json#/raster_image" in page
    assert json.loads((build / "traces.json").read_text())["raster_image"] == 9


@pytest.mark.parametrize("count", [1, 40])
def test_any_number_of_images(count, build):
    observe(build, random_images(3, count, SPEC), np.zeros(count, int))
    page = draw(build)
    assert faults(page, build) == []
    shown = json.loads((build / "traces.json").read_text())["images"]
    assert len(shown) == min(8, count)
    wrong = [image for image in shown if not image["right"]]
    assert len(wrong) <= max(4, 8 - sum(image["right"] for image in shown))


def test_ten_selectors(tmp_path):
    spec = replace(SPEC, depth=10, selectors=tuple((block, 15 - block) for block in range(10)))
    write_package(random_package(6, spec), tmp_path / "package.safetensors")
    build = tmp_path / "BUILD"
    generate(tmp_path / "package.safetensors", "simulation", build, ShapeRequest(16, 2, 1), checked=False)
    observe(build, random_images(2, 8, spec), np.zeros(8, int))
    page = draw(build)
    assert faults(page, build) == []
    assert len(page) < 3 * MEBIBYTE
    traces = json.loads((build / "traces.json").read_text())
    for image in traces["images"]:
        kept = [set(selection["kept"]) for selection in image["selections"]]
        assert [len(tokens) for tokens in kept] == [15 - block for block in range(10)]
        assert all(later < earlier for earlier, later in pairwise(kept))


def test_without_traces_it_says_what_is_missing(build):
    (build / "traces.json").unlink()
    page = draw(build)
    assert faults(page, build) == []
    assert "images, kept tokens and spike rasters" in page
    assert "spikewright compare BUILD" in page
    assert 'id="rasters"' not in page


def test_traces_of_another_comparison_are_not_shown(build):
    other = json.loads((build / "report.json").read_text()) | {"values_compared": 7}
    (build / "report.json").write_text(json.dumps(other))
    assert 'id="images"' not in draw(build)


def test_the_placed_design(build):
    data = json.loads((build / "report.json").read_text())
    use = {"used": 3, "available": 10}
    data["synthesis"] = {
        "board": "ulx3s-25f", "part": "LFE5U-25F", "seed": 1, "lut": use, "ff": use, "block_ram": use, "dsp": use,
        "lut_ram": use, "fmax_mhz": 88.25, "clock_mhz": 80.0, "meets_clock": True, "images_per_second": 5000.0,
        "images_per_second_per_klut": 200.0,
        "critical_path": {"start": "a<b", "end": "c.D", "delay_ns": 11.3, "logic_ns": 4.0, "routing_ns": 7.3,
                          "nets": ["n[1]"]},
        "floorplan": {"columns": 2, "rows": 1, "total": [[3, 1]], "most": 3, "units": {"fetch": 2, "control": 2},
                      "density": {"fetch": [[2, 0]], "control": [[1, 1]]}},
    }  # fmt: skip
    (build / "report.json").write_text(json.dumps(data))
    page = draw(build)
    assert faults(page, build) == []
    assert 'id="placed"' in page
    assert 'id="images"' in page  # a placed design does not make another comparison of it
