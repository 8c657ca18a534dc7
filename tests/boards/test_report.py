"""Parsers of the tools' output, on output that was captured from them (tests/boards/data)."""

import json
from pathlib import Path

import pytest

from spikewright.boards.families.ecp5 import Ecp5
from spikewright.boards.report import ReportError, Use, Utilisation, read_nextpnr
from spikewright.boards.synthesis import first_error

DATA = Path(__file__).parent / "data"


def test_report_of_a_small_design():
    fields = read_nextpnr(DATA / "nextpnr-report.json", Ecp5.cells)
    assert fields["lut"] == Use(used=938, available=24288)
    assert fields["ff"] == Use(used=299, available=24288)
    assert fields["block_ram"] == Use(used=0, available=56)
    assert fields["dsp"] == Use(used=0, available=28)
    assert fields["lut_ram"].used == 12
    assert fields["fmax_mhz"] == 136.86
    path = fields["critical_path"]
    assert path.start == "linked.link.receiver.kind_TRELLIS_FF_Q_2"
    assert path.end == "linked.link.receiver.waiting.storage.0.2$DPRAM_COMB3.WRE"
    assert path.nets[0] == "linked.link.receiver.kind[3]"
    assert path.delay_ns == pytest.approx(1000 / 136.86, abs=0.01)
    assert path.logic_ns + path.routing_ns == pytest.approx(path.delay_ns)
    report = Utilisation(
        board="ulx3s-25f", part="LFE5U-25F-6BG381C", seed=1, clock_mhz=80.0, seconds={"yosys": 3.0}, floorplan=None,
        **fields,
    )  # fmt: skip
    assert report.meets_clock
    assert Utilisation.model_validate_json(report.model_dump_json()) == report


def test_faulty_reports_are_refused(tmp_path):
    with pytest.raises(ReportError, match="nextpnr left no report"):
        read_nextpnr(tmp_path / "absent.json", Ecp5.cells)
    text = (DATA / "nextpnr-report.json").read_text()
    (tmp_path / "cut.json").write_text(text[: len(text) // 2])
    with pytest.raises(ReportError, match=r"cut\.json: not a nextpnr report \(JSONDecodeError"):
        read_nextpnr(tmp_path / "cut.json", Ecp5.cells)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ReportError, match=r"other\.json: not a nextpnr report \(KeyError: 'utilization'\)"):
        read_nextpnr(tmp_path / "other.json", Ecp5.cells)
    (tmp_path / "unclocked.json").write_text(json.dumps({**json.loads(text), "fmax": {}}))
    with pytest.raises(ReportError, match="no clocked path"):
        read_nextpnr(tmp_path / "unclocked.json", Ecp5.cells)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nextpnr-too-large.tim", "Unable to place cell 'mem.0.22', no BELs remaining to implement cell type 'DP16KD'"),
        ("yosys-missing-rom.rpt", r"Can not open file `absent.hex` for \$readmemh."),
        (
            "yosys-missing-module.rpt",
            r"Module `\weight_rom' referenced in module `\top' in cell `\rom' is not part of the design.",
        ),
    ],
)
def test_first_error(name, message):
    assert first_error((DATA / name).read_text()) == message


def test_first_error_of_anything_else():
    assert first_error("one\n\ntwo\n\n") == "two"
    assert first_error("") == "it said nothing"
