"""Phases of yosys and nextpnr, from lines that they have written."""

import pytest

from spikewright.boards.tool_log import END, ToolLog

YOSYS = [
    ("1. Executing RTLIL frontend.\n", "yosys: read the design", ""),
    ("2.3.1. Executing PROC_CLEAN pass (remove empty switches).\n", "yosys: processes to logic", "proc_clean"),
    ("2.9. Executing MEMORY_LIBMAP pass (mapping memories).\n", "yosys: memories to block RAM", "memory_libmap"),
    ("2.10. Executing PROC_CLEAN pass (remove).\n", "yosys: memories to block RAM", "proc_clean"),
    ("2.30. Executing ABC9 pass.\n", "yosys: logic to LUT", "abc9"),
    ("3.1. Executing JSON backend.\n", "yosys: write the netlist", "abc9"),
]
NEXTPNR = [
    ("Info: Packing constants..\n", "nextpnr: pack", ""),
    ("Info: Running main analytical placer\nInfo:     at iteration #7, type ALL\n", "nextpnr: place", "7"),
    ("Info: Max frequency for clock 'c': 80 MHz\n", "nextpnr: place", "7"),
    ("Info:       1000 |      10        990 |   10   990 |\n", "nextpnr: route", "1000"),
]


@pytest.mark.parametrize(("tool", "story"), [("yosys", YOSYS), ("nextpnr", NEXTPNR)])
def test_phases_go_on(tool, story, tmp_path):
    told = []
    log = ToolLog(tool, tmp_path / "log", lambda phase, detail="": told.append((phase, detail)))
    log.look()
    assert told == [(tool, "")]
    text = ""
    for line, phase, detail in story:
        text += line
        (tmp_path / "log").write_text(text)
        log.look()
        assert told[-1] == (phase, detail)


def test_what_has_left_the_end_of_the_log_is_remembered(tmp_path):
    told = []
    log = ToolLog("nextpnr", tmp_path / "log", lambda phase, detail="": told.append(phase))
    (tmp_path / "log").write_text("Info: Packing constants..\n")
    log.look()
    (tmp_path / "log").write_text("Info: Packing constants..\n" + "Warning: so\n" * END)
    log.look()
    assert told == ["nextpnr: pack"] * 2
