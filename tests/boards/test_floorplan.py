"""Where cells lie, from the JSON of a placed design."""

import json

import pytest

from spikewright.boards.floorplan import SQUARES, density, read_floorplan
from spikewright.boards.report import ReportError


def test_cells_are_counted_by_unit_and_square(tmp_path):
    places = {"a.x": "X0/Y0/SLICEA.LUT0", "a.y": "X63/Y31/SLICEB.FF1", "b.z": "X1/Y1/SLICEA.LUT0", "pin": "PIOA"}
    cells = {name: {"attributes": {"NEXTPNR_BEL": place}} for name, place in places.items()}
    (tmp_path / "placed.json").write_text(json.dumps({"modules": {"top": {"cells": cells | {"none": {}}}}}))
    plan = read_floorplan(tmp_path / "placed.json", lambda cell: cell[0])
    assert plan is not None
    assert (plan.columns, plan.rows, plan.most, plan.units) == (SQUARES, 16, 2, {"a": 2, "b": 1})
    assert (plan.density["a"][0][0], plan.density["a"][15][31], plan.density["b"][0][0]) == (1, 1, 1)


def test_nothing_placed(tmp_path):
    assert read_floorplan(tmp_path / "absent.json", str) is None
    (tmp_path / "empty.json").write_text('{"modules": {}}')
    assert read_floorplan(tmp_path / "empty.json", str) is None
    (tmp_path / "no.json").write_text("{")
    with pytest.raises(ReportError, match="not a placed design"):
        read_floorplan(tmp_path / "no.json", str)


def test_one_cell():
    assert density([("a", 0, 0)]).density == {"a": [[1]]}
