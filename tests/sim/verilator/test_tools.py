"""Missing tools are one sentence each; waves, delays, parameters and ROM files work through the runner."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright import toolchain
from spikewright.sim.verilator.bench import bench
from spikewright.sim.verilator.build import build, default_cache
from spikewright.sim.verilator.run import BenchError
from spikewright.toolchain import ToolError, require_wave_headers, simulation_tools, synthesis_tools

COUNTER = """
module wrapper #(parameter ROM = "absent.hex", parameter integer LAST = 3) (output logic done, output logic [7:0] q);
  logic clk = 0;
  logic [7:0] rom [0:LAST];
  logic [7:0] at = 0;
  initial $readmemh(ROM, rom);
  always #5 clk = ~clk;
  always_ff @(posedge clk) begin
    at <= at + 1;
    q <= rom[at[1:0]];
    done <= at == 8'(LAST);
  end
endmodule
"""
BENCH = """
import cocotb
from cocotb.triggers import RisingEdge

@cocotb.test(timeout_time=1, timeout_unit="us")
async def reads(dut):
    await RisingEdge(dut.done)
    assert int(dut.q.value) == 0x5a
"""
WAVES_BENCH = """
import cocotb
from cocotb.triggers import RisingEdge
from spikewright.sim.benches.stream_bench import start

@cocotb.test(timeout_time=1, timeout_unit="us")
async def runs(dut):
    await start(dut)
    await RisingEdge(dut.clk)
    assert int(dut.q.value) == 15
"""


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (("g++", "c++", "clang++"), r"no g\+\+ on PATH: install a C\+\+20 compiler"),
        (("make", "gmake"), "no make on PATH: install GNU make"),
        (("perl",), "no perl on PATH: install perl"),
    ],
)
def test_missing_tool_says_what_to_install(missing, message, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    which = shutil.which
    monkeypatch.setattr(toolchain.shutil, "which", lambda name, **kw: None if name in missing else which(name, **kw))
    with pytest.raises(ToolError, match=message):
        simulation_tools()


def test_synthesis_tools_prefer_native(monkeypatch):
    monkeypatch.setattr(toolchain.shutil, "which", lambda name, **kw: f"/bin/{name}")
    flow = ("yosys", "nextpnr-ecp5", "ecppack")
    assert synthesis_tools(flow)["yosys"] == "yosys"
    monkeypatch.setattr(
        toolchain.shutil, "which", lambda name, **kw: f"/bin/{name}" if name.startswith("yowasp-") else None
    )
    assert synthesis_tools(flow) == {name: f"yowasp-{name}" for name in flow}
    monkeypatch.setattr(toolchain.shutil, "which", lambda name, **kw: None)
    with pytest.raises(ToolError, match="no yosys: install it, or its wheel"):
        synthesis_tools(flow)


def test_delays_parameters_and_rom_files(tmp_path):
    source, test = tmp_path / "wrapper.sv", tmp_path / "rom_bench.py"
    source.write_text(COUNTER)
    test.write_text(BENCH)
    built = build(
        [source],
        "wrapper",
        default_cache(),
        inputs=[],
        outputs=["done", "q"],
        parameters={"ROM": "rom.hex", "LAST": 3},
        timing=True,
    )
    run = tmp_path / "run"
    run.mkdir()
    (run / "rom.hex").write_text("01\n02\n03\n5a\n")
    assert built.run(test, cwd=run).passed == ("reads",)
    with pytest.raises(BenchError, match="built without them"):
        built.run(test, cwd=run, waves=True)
    (run / "rom.hex").write_text("01\n02\n03\n5b\n")
    with pytest.raises(BenchError, match=r"== 0x5a|== 90"):
        built.run(test, cwd=run)


@pytest.mark.slow
def test_waves(tmp_path):
    try:
        require_wave_headers(simulation_tools())
    except ToolError as error:
        pytest.skip(str(error))

    class Inverter(wiring.Component):
        a: In(4)
        q: Out(4)

        def elaborate(self, platform):
            m = Module()
            m.d.sync += self.q.eq(~self.a)
            return m

    test = tmp_path / "waves_bench.py"
    test.write_text(WAVES_BENCH)
    results = bench(Inverter(), test, cwd=tmp_path, waves=True)
    assert results.waves == Path(tmp_path / "dump.fst")
    assert results.waves.stat().st_size > 100


def test_waves_without_headers(monkeypatch):
    tools = simulation_tools()
    with pytest.raises(ToolError, match=r"waves need the header lz4.h: install it"):
        require_wave_headers(replace(tools, cxx="false"))
