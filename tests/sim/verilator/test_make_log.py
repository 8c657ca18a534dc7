"""How far make is, by its log."""

from spikewright.sim.verilator.make_log import make_phase

COMPILE = "g++ -O1 -c -o {0}.o {0}.cpp\n"


def test_phases(tmp_path):
    log = tmp_path / "build.log"
    log.write_text("- Verilator: Built from 1 MB sources\n")
    assert make_phase(log, "bench") == ("compile the C++", "")
    log.write_text(COMPILE.format("Vtop__0") + COMPILE.format("verilated"))
    assert make_phase(log, "bench") == ("compile the C++", "verilated.cpp, file 2")
    log.write_text(COMPILE.format("Vtop__0") + "g++ Vtop__0.o -o bench\n")
    assert make_phase(log, "bench") == ("link the simulator", "")
