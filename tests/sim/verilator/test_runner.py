"""The cocotb runner on small stream devices: good ones pass, each broken one is reported by its fault."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.elaborate import elaborate, port_names
from spikewright.sim.verilator import build as build_module
from spikewright.sim.verilator.bench import bench
from spikewright.sim.verilator.build import BuildError, build, default_cache
from spikewright.sim.verilator.run import BenchError

BENCH = Path(__file__).with_name("stream_device_bench.py")


class Adder(wiring.Component):
    """Adds a constant to a byte stream; latency 1, one item a cycle. ``fault`` plants a broken stream rule."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, addend, fault=None):
        super().__init__()
        self._addend, self._fault = addend, fault

    def elaborate(self, platform):
        m = Module()
        payload, valid = Signal(8, reset_less=True), Signal()
        m.d.comb += [self.o.payload.eq(payload), self.i.ready.eq(~valid | self.o.ready)]
        m.d.comb += self.o.valid.eq(valid & (self.o.ready if self._fault == "waits" else 1))
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), payload.eq(self.i.payload + self._addend)]
        if self._fault == "drops":
            with m.If(valid & ~self.o.ready):
                m.d.sync += valid.eq(0)
        if self._fault == "changes":
            with m.If(valid & ~self.o.ready):
                m.d.sync += payload.eq(payload + 1)
        if self._fault == "hangs":
            m.d.comb += self.i.ready.eq(0)
        return m


@pytest.fixture
def cache():
    return default_cache()


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
def test_good_device_passes(stall, tmp_path, cache):
    results = bench(
        Adder(3),
        BENCH,
        cwd=tmp_path,
        build_dir=cache,
        testcase="adds",
        given={"count": 200, "addend": 3, "stall": stall},
    )
    assert results.passed == ("adds",)
    assert "seed 1" in results.log.read_text()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("waits", "valid may be waiting for ready|dropped valid"),
        ("drops", "dropped valid before ready"),
        ("changes", "changed its payload from"),
        ("hangs", "item 0 did not come within 100 cycles"),
    ],
)
def test_broken_rule_is_named(fault, message, tmp_path, cache):
    with pytest.raises(BenchError, match=message):
        bench(
            Adder(3, fault),
            BENCH,
            cwd=tmp_path,
            build_dir=cache,
            testcase="adds",
            given={"count": 50, "addend": 3, "stall": 0.3},
        )


def test_wrong_value_and_hang_are_bench_errors(tmp_path, cache):
    given = {"count": 50, "addend": 4, "stall": 0.3}
    with pytest.raises(BenchError, match="item 0 of 50 expected") as caught:
        bench(Adder(3), BENCH, cwd=tmp_path, build_dir=cache, testcase="adds", given=given)
    assert "seed 1" in str(caught.value)
    with pytest.raises(BenchError, match=r"never_ends.*[Tt]ime"):
        bench(Adder(3), BENCH, cwd=tmp_path, build_dir=cache, testcase="never_ends", given=given)
    with pytest.raises(BenchError, match="no test ran"):
        bench(Adder(3), BENCH, cwd=tmp_path, build_dir=cache, testcase="absent", given=given)


def test_a_benchs_own_assertion_is_quoted_with_its_values_and_libraries_are_left_alone(tmp_path, cache):
    own = tmp_path / "own_bench.py"
    lines = ["import cocotb, numpy", "", "@cocotb.test()", "async def adds(dut):"]
    lines += ["    assert type(numpy.__loader__).__name__ == 'SourceFileLoader'", "    three = 3"]
    own.write_text("\n".join([*lines, "    assert three == 4", ""]))
    with pytest.raises(BenchError, match="adds: assert 3 == 4"):
        bench(Adder(3), own, cwd=tmp_path, build_dir=cache)


def test_wall_time_limit(tmp_path, cache):
    hang = tmp_path / "hang_bench.py"
    hang.write_text("import cocotb, time\n\n@cocotb.test()\nasync def hangs(dut):\n    time.sleep(60)\n")
    with pytest.raises(BenchError, match="no end within 2 s of wall time"):
        bench(Adder(3), hang, cwd=tmp_path, build_dir=cache, timeout=2)


def test_unchanged_build_is_reused(tmp_path, cache, monkeypatch):
    source = elaborate(Adder(5), "dut", tmp_path)
    inputs, outputs = port_names(source.read_text(), "dut")
    assert set(inputs) == {"clk", "rst", "i__payload", "i__valid", "o__ready"}
    assert set(outputs) == {"i__ready", "o__payload", "o__valid"}
    first = build([source], "dut", cache, inputs=inputs, outputs=outputs)
    text = source.read_text()
    assert elaborate(Adder(5), "dut", tmp_path).read_text() == text
    monkeypatch.setattr(build_module, "_compile", None)
    assert build([source], "dut", cache, inputs=inputs, outputs=outputs) == first


def test_build_faults_are_one_sentence(tmp_path, cache):
    broken = tmp_path / "broken.v"
    broken.write_text("module broken(input clk, output q);\n  assign q = nothing;\nendmodule\n")
    with pytest.raises(BuildError, match=r"simulator of broken could not be built: %Error.*nothing"):
        build([broken], "broken", cache, inputs=["clk"], outputs=["q"])
    with pytest.raises(
        BuildError, match=r"cannot build in a folder with ' ' in its name: .*; name another with SPIKEWRIGHT_BUILDS"
    ):
        build([broken], "broken", tmp_path / "a b", inputs=["clk"], outputs=["q"])


def test_unwaived_lint_is_fatal(tmp_path, cache):
    latch = tmp_path / "latchy.v"
    latch.write_text("module latchy(input clk, input d, output reg q);\n  always @* if (clk) q = d;\nendmodule\n")
    with pytest.raises(BuildError, match="LATCH"):
        build([latch], "latchy", cache, inputs=["clk", "d"], outputs=["q"])
