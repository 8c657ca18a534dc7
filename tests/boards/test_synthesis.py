"""The synthesis run: with played tools (order, files, faults), and once for real."""

import shutil
from pathlib import Path

import pytest
from amaranth.hdl import ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring

from spikewright.boards.link.link import ACCELERATOR
from spikewright.boards.registry import load_board
from spikewright.boards.synthesis import SynthesisError, synthesize
from spikewright.boards.top import BoardTop

HERE = Path(__file__).parent
DATA = HERE / "data"
ROM = """
module small_rom #(parameter FILE = "") (input clk, input [9:0] a, output reg [17:0] q);
  reg [17:0] mem [0:1023];
  initial $readmemh(FILE, mem);
  always @(posedge clk) q <= mem[a];
endmodule
"""


class RomAccelerator(wiring.Component):
    """Each image is answered by the words of a ROM that its last pixels point at."""

    def __init__(self):
        super().__init__(ACCELERATOR)

    def elaborate(self, platform):
        m = Module()
        address, word = Signal(10), Signal(18)
        m.submodules.rom = Instance("small_rom", p_FILE="rom.hex", i_clk=ClockSignal(), i_a=address, o_q=word)
        m.d.comb += [self.pixels.ready.eq(~self.results.valid), self.results.payload.data.eq(word)]
        with m.If(self.pixels.valid & self.pixels.ready):
            m.d.sync += [address.eq(address << 8 | self.pixels.payload), self.results.valid.eq(1)]
        with m.If(self.results.valid & self.results.ready):
            m.d.sync += self.results.valid.eq(0)
        return m


def board_top(board, accelerator=None):
    return BoardTop(accelerator or RomAccelerator(), board, image_bytes=2, result_words=1, build_id=7)


@pytest.fixture
def rom_files(tmp_path):
    (tmp_path / "small_rom.v").write_text(ROM)
    (tmp_path / "rom.hex").write_text("".join(f"{i * 7919 & 0x3FFFF:05x}\n" for i in range(1024)))
    return [tmp_path / "small_rom.v", tmp_path / "rom.hex"]


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Puts shell scripts on PATH in place of the tools."""

    def play(**scripts):
        folder = tmp_path / "played"
        folder.mkdir()
        for name in ("yosys", "nextpnr-ecp5", "ecppack"):
            script = folder / name
            script.write_text("#!/bin/sh\n" + scripts.get(name.partition("-")[0], "exit 0") + "\n")
            script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    return play


@pytest.mark.parametrize("name", ["ulx3s-25f", "orangecrab-85f"])
def test_tools_in_order(name, tmp_path, play, rom_files):
    play(
        yosys='test -f small_rom.v && test -f rom.hex && echo "yosys $@" >> calls',
        nextpnr=f'echo "nextpnr $@" >> calls; cp "{DATA}/nextpnr-report.json" .',
        ecppack='echo "ecppack $@" >> calls',
    )
    board, lines = load_board(name), []

    def tell(phase, detail=""):
        lines.append(phase)

    report = synthesize(board_top(board), board, tmp_path / "out", files=rom_files, seed=5, tell=tell)
    assert list(dict.fromkeys(lines)) == ["yosys", "nextpnr-ecp5", "ecppack", "read where the cells lie"]
    assert report.floorplan is None  # what plays nextpnr places nothing
    assert (report.board, report.seed, report.fmax_mhz) == (name, 5, 136.86)
    assert list(report.seconds) == ["yosys", "nextpnr-ecp5", "ecppack"]
    calls = (tmp_path / "out" / "calls").read_text()
    assert "--seed 5 --timing-allow-fail" in calls
    script = (tmp_path / "out" / "top.ys").read_text()
    assert "read_verilog -defer small_rom.v" in script
    assert "EHXPLLL" in (tmp_path / "out" / "top.il").read_text()


def test_faults_are_one_sentence(tmp_path, play, rom_files):
    play(yosys="echo 'ERROR: something is wrong.'; exit 1", nextpnr="sleep 30")
    board = load_board("ulx3s-25f")
    with pytest.raises(SynthesisError, match=r"^yosys failed: something is wrong. \(log .*top.rpt\)$"):
        synthesize(board_top(board), board, tmp_path / "out", files=rom_files)
    shutil.rmtree(tmp_path / "played")
    play(nextpnr="exec sleep 30")
    with pytest.raises(SynthesisError, match=r"^nextpnr-ecp5 did not finish within 1 s \(log .*top.tim\)$"):
        synthesize(board_top(board), board, tmp_path / "out", files=rom_files, timeout=1)
    with pytest.raises(SynthesisError, match=r"the design's file .*absent.hex does not exist"):
        synthesize(board_top(board), board, tmp_path / "out", files=[*rom_files, tmp_path / "absent.hex"])


@pytest.mark.slow
def test_for_real(tmp_path, rom_files, synthesis):
    board = load_board("ulx3s-25f")
    report = synthesize(board_top(board), board, tmp_path / "out", files=rom_files)
    assert (report.dsp.used, report.block_ram.used) == (0, 1)
    assert 100 < report.lut.used < 2000
    assert report.meets_clock
    assert report.critical_path is not None
    assert report.floorplan is not None
    assert report.floorplan.units["design"] > report.lut.used
    assert (tmp_path / "out" / "top.bit").stat().st_size > 50_000
    rom_files[1].unlink()
    with pytest.raises(SynthesisError, match=r"design's file .*rom.hex does not exist"):
        synthesize(board_top(board), board, tmp_path / "out", files=rom_files)
    with pytest.raises(SynthesisError, match=r"yosys failed: Can not open file `rom.hex`"):
        synthesize(board_top(board), board, tmp_path / "out", files=rom_files[:1])
