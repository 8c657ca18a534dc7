"""A netlist of ECP5 cells behaves as the Verilog it came from, with its ROM as a black box."""

from pathlib import Path

import pytest
from amaranth.hdl import ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikewright.boards import netlist
from spikewright.boards.families.ecp5 import FAMILY
from spikewright.boards.netlist import NetlistError, make_netlist, read_stat
from spikewright.hdl.elaborate import elaborate, port_names
from spikewright.sim.verilator.build import build, default_cache

BENCH = Path(__file__).with_name("netlist_bench.py")
ROM = """
module small_rom #(parameter FILE = "", parameter integer WIDTH = 8, parameter integer DEPTH = 2)
  (input clk, input [$clog2(DEPTH)-1:0] a, output reg [WIDTH-1:0] q);
  reg [WIDTH-1:0] mem [0:DEPTH-1];
  initial $readmemh(FILE, mem);
  always @(posedge clk) q <= mem[a];
endmodule
"""


class Design(wiring.Component):
    """ROM, adder, product, distributed RAM, and registers that power up as ones and are never reset."""

    enable: In(1)
    at: In(4)
    total: Out(20)
    kept: Out(12)
    flag: Out(3)
    product: Out(15)

    def elaborate(self, platform):
        m = Module()
        address, word = Signal(4), Signal(12)
        flag = Signal(3, init=0b101, reset_less=True)
        m.submodules.rom = Instance(
            "small_rom", p_FILE="rom.hex", p_WIDTH=12, p_DEPTH=16, i_clk=ClockSignal(), i_a=address, o_q=word
        )
        m.submodules.memory = memory = Memory(shape=12, depth=16, init=range(16))
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.comb += [write.addr.eq(address), write.data.eq(word), write.en.eq(self.enable), read.addr.eq(self.at)]
        m.d.comb += [self.kept.eq(read.data), self.flag.eq(flag), self.product.eq(word * 5)]
        with m.If(self.enable):
            m.d.sync += [address.eq(address + 1), self.total.eq(self.total + word), flag.eq(flag.rotate_left(1))]
        return m


def fingerprint(sources, inputs, outputs, folder):
    built = build(sources, "design", default_cache(), inputs=inputs, outputs=outputs, optimise="-O1")
    (folder / "rom.hex").write_text("\n".join(f"{(i * 1103 + 77) & 0xFFF:03x}" for i in range(16)))
    into = folder / "seen.txt"
    built.run(BENCH, cwd=folder, given={"cycles": 300, "into": str(into)})
    return into.read_text()


def test_netlist_equals_its_source(tmp_path, synthesis):
    rom = tmp_path / "small_rom.v"
    rom.write_text(ROM)
    source = elaborate(Design(), "design", tmp_path)
    cells = make_netlist("design", [source], [rom], tmp_path / "netlist", FAMILY)
    assert cells.cell_count["small_rom"] == 1
    assert cells.cell_count["TRELLIS_DPR16X4"] == 3
    assert cells.cell_count["CCU2C"] >= 10
    assert not {"DP16KD", "MULT18X18D"} & set(cells.cell_count)
    assert '.FILE("rom.hex")' in cells.verilog.read_text()
    inputs, outputs = port_names(source.read_text(), "design")
    runs = []
    for name, files in (("rtl", [source, rom]), ("cells", [*cells.sources, rom])):
        folder = tmp_path / name
        folder.mkdir()
        runs.append(fingerprint(files, inputs, outputs, folder))
    assert runs[0] == runs[1]
    assert len(set(runs[0].splitlines())) > 50


def test_faults_are_one_sentence(tmp_path, synthesis):
    source = tmp_path / "broken.v"
    source.write_text("module broken(input clk, output q);\n  absent a (.clk(clk), .q(q));\nendmodule\n")
    with pytest.raises(NetlistError, match=r"yosys failed: Module .*absent.* is not part of the design") as caught:
        make_netlist("broken", [source], [], tmp_path / "out", FAMILY)
    assert "\n" not in str(caught.value)
    with pytest.raises(NetlistError, match=r"yosys did not finish within 0.01 s"):
        make_netlist("broken", [source], [], tmp_path / "out", FAMILY, timeout=0.01)


def test_cell_without_model(tmp_path, monkeypatch, synthesis):
    monkeypatch.setattr(netlist, "cell_models", lambda family, yosys, names: {})
    source = tmp_path / "gate.v"
    source.write_text("module gate(input a, b, output q);\n  assign q = a ^ b;\nendmodule\n")
    with pytest.raises(NetlistError, match="cells without a simulation model: LUT4"):
        make_netlist("gate", [source], [], tmp_path / "out", FAMILY)


def test_statistics_of_both_yosys_formats():
    old = "   Number of cells:                 29\n     CCU2C                           7\n     \\weight_rom   1\n"
    new = "       29 cells\n        7   CCU2C\n        1   $paramod$0df6\\weight_rom\n       31 public wires\n"
    assert read_stat(new) == {"CCU2C": 7, "weight_rom": 1}
    assert read_stat(old) == {"CCU2C": 7, "weight_rom": 1}


def test_a_wire_that_is_named_like_a_bit_of_another(tmp_path, synthesis):
    """yosys' abc9 takes ``a[0]`` for a bit of ``a`` and dies; an array of registers is full of such names."""
    (tmp_path / "bits.v").write_text(
        "module bits(input clk, input [7:0] d, output [7:0] q);\n"
        "  reg [7:0] a;\n  reg \\a[0] ;\n"
        "  always @(posedge clk) begin a <= d + 1; \\a[0] <= ^d; end\n"
        "  assign q = a ^ {8{\\a[0] }};\nendmodule\n"
    )
    netlist = make_netlist("bits", [tmp_path / "bits.v"], [], tmp_path / "made", FAMILY)
    assert netlist.cell_count["TRELLIS_FF"] == 9
