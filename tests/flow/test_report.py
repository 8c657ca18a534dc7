"""One typed report: a sentence a field, and the page and the summary that are drawn from it."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from spikewright.errors import PlainError
from spikewright.flow import figures as parts
from spikewright.flow.report import Report, read_report
from spikewright.flow.report_page import page
from spikewright.flow.summary import MEANINGS, RUNGS, summary

ROOT = Path(__file__).parents[2]

REPORT = Report(
    network="net",
    bit_exact=True,
    images=2,
    steps=4,
    values_compared=10,
    mismatches=0,
    mismatched_layers={},
    first_mismatch=None,
    silent_layers=[],
    accuracy={"float": None, "quantised": {"correct": 1, "count": 2, "share": 0.5}, "golden": None, "rtl": None},
    weights={
        "total": 10,
        "kept": 1,
        "sparsity": 0.9,
        "average_bits": 4.0,
        "average_bits_kept": 4.0,
        "compression": {"bits": 8.0, "weights": 10.0, "stored": 20.0},
        "schemes": {"pot": 10},
        "rom_bits": {"value": 4, "index": 4, "count": 4, "padding": 0, "neuron": 4, "total": 16},
        "stored_bits_per_weight": 16.0,
    },
    layers={
        "conv": {
            "kind": "conv",
            "tokens": 16,
            "channels": 2,
            "weights": 10,
            "kept": 1,
            "kept_share": 0.1,
            "scheme": "pot",
            "bits": 4,
            "fired": 0.25,
        }
    },
    tokens={"initial": 16, "kept": [11, 5]},
    cycles={
        "per_image": 100.0,
        "predicted": 130,
        "skipping": True,
        "gain": 1.3,
        "layers": {
            "conv": {
                "cycles": 100.0,
                "share": 1.0,
                "predicted": 130,
                "pairs": 9,
                "issued": 6.0,
                "skipped": 3.0,
                "skipped_share": 0.333333,
                "breakdown": dict.fromkeys(parts.BreakdownFigures.model_fields, 1.0),
            }
        },
        "breakdown": dict.fromkeys(parts.BreakdownFigures.model_fields, 1.0),
    },
    utilisation=None,
    board="ulx3s-85f",
    rate={"clock_mhz": 80.0, "images_per_second": 8e5},
    structure={
        "lanes": 64,
        "tokens": 16,
        "steps": 4,
        "banks": 4,
        "streams": 1,
        "skip": True,
        "widths": {"planes": 3},
        "depths": {"outputs": 9},
    },
    memory={"depth": 9, "banks": 4, "descriptors": 1, "layers": {"conv": 0}, "values": []},
    choice="64 lanes",
    candidates=[],
    needs={
        "lut": 9,
        "lut_available": 20,
        "lut_units": {"control": 9},
        "blocks": 1,
        "blocks_available": 5,
        "block_ram": {"weights": 1},
    },
    build="0123",
)


def test_every_field_has_a_sentence():
    models = [kind for kind in vars(parts).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    assert len(models) > 15
    for model in set(models) - {BaseModel}:
        for name, field in model.model_fields.items():
            assert (field.description or "").endswith("."), f"{model.__name__}.{name}"


def test_it_is_written_and_read_whole(tmp_path):
    assert read_report(tmp_path) is None
    REPORT.write(tmp_path)
    assert read_report(tmp_path) == REPORT
    assert "synthesis" not in REPORT.to_dict()
    with pytest.raises(ValidationError):
        Report.model_validate(REPORT.to_dict() | {"more": 1})


@pytest.mark.parametrize("text", ['{"bit_exact": true}', "{"])
def test_another_versions_report_is_refused_in_a_sentence(text, tmp_path):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(PlainError, match=r"report\.json is not a report of this version; run 'spikewright compare"):
        read_report(tmp_path)


def test_every_line_of_the_summary_has_a_meaning():
    lines = [line.name for line in summary(REPORT)]
    assert lines[1:5] == [f"accuracy, {rung}" for rung in RUNGS]
    assert {line.partition(",")[0] for line in lines} == set(MEANINGS) - {"utilisation"}


def test_the_page_is_drawn():
    assert (ROOT / "docs" / "report.md").read_text() == page(), (
        "python -m spikewright.flow.report_page > docs/report.md"
    )
