"""Random networks under Icarus Verilog: a second simulator, in which what nothing has written is unknown, not 0."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT, command
from benchmarks.results import Row
from benchmarks.trust.drawn import drawn
from spikewright import children
from spikewright.compiler.program import Program
from spikewright.compiler.target.structure import Structure
from spikewright.errors import PlainError
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.elaborate import elaborate, memory_sources
from spikewright.sim.accelerator.compare import compare
from spikewright.sim.accelerator.run import SimulatedNetwork
from spikewright.sim.accelerator.simulator import BENCH
from spikewright.sim.verilator.run import BenchError, BenchRun, Built
from spikewright.toolchain import search_path, synthesis_tools

COMMAND = command("icarus")
SEED, NETWORKS = 5, 20
#: Cycles of an image above which a network is passed over: Icarus runs some thousands a second.
LONGEST = 20_000

#: Starts the bench with numbers from the command line, and tells where a finished spike word is unknown. Moved words
#: may be: rows of a bank that hold no channel are moved with the others. Unknown scores cannot be read as numbers.
TOP = """
module icarus_top;
    bit go, tracing = 1;
    int image_bytes, images, patience, stall;
    wire done, timed_out;
    wire [31:0] cycles;
    accelerator_bench #(.LANES({lanes}), .BANKS({banks}), .STREAMS({streams}), .ADDRESS({address})) bench (
        .go(go), .image_bytes(image_bytes), .images(images), .patience(patience), .stall(stall), .tracing(tracing),
        .done(done), .timed_out(timed_out), .cycles(cycles));
    initial begin
        if (!$value$plusargs("image_bytes=%d", image_bytes)) $finish;
        if (!$value$plusargs("images=%d", images)) $finish;
        if (!$value$plusargs("patience=%d", patience)) $finish;
        if (!$value$plusargs("stall=%d", stall)) $finish;
        #1 go = 1;
        wait (done);
        #100 $finish;
    end
    integer i;
    always @(posedge bench.clk) if (!bench.rst && go) begin
        if (^{{bench.write_en, bench.word_en, bench.kept_en, bench.result_valid}} === 1'bx) $display("unknown enable");
        for (i = 0; i < {streams}; i = i + 1)
            if (bench.word_en[i] && ^bench.word[i*{lanes} +: {lanes}] === 1'bx) $display("unknown word");
    end
endmodule
"""


@dataclass(frozen=True)
class Icarus(Built):
    """A design that Icarus Verilog has compiled, run as those of Verilator are."""

    def run(
        self, test_module: str | Path, *, given: Mapping[str, object], cwd: Path, timeout: float, **others: object
    ) -> BenchRun:
        """Run it in a folder with ROM files and images; BenchError where it does not end well."""
        words = [f"+{name}={number}" for name, number in given.items() if name != "tracing"]
        start, log = time.monotonic(), cwd / "run.log"
        with log.open("w") as output:
            done = children.run(
                ["vvp", "-n", str(self.folder / self.top), *words],
                cwd=cwd,
                env=dict(os.environ),
                stdout=output,
                timeout=timeout,
            )
        if done.returncode:
            raise BenchError(f"vvp ended with status {done.returncode}", log)
        if unknown := log.read_text().count("unknown"):
            raise BenchError(f"{unknown} unknown words or enables", log)
        return BenchRun(("images",), time.monotonic() - start, 1, log, None)


def compiled(structure: Structure, folder: Path) -> Icarus:
    """The simulator of a structure."""
    shape = structure.shape
    elaborate(Accelerator(structure=structure), "accelerator", folder)
    # Icarus never starts a process that waits for any change of what is constant: yosys makes assignments of them
    yosys = synthesis_tools(["yosys"])["yosys"]
    script = "read_verilog -sv accelerator.v; proc; opt_clean; write_verilog -noattr assigned.v"
    subprocess.run([yosys, "-q", "-p", script], cwd=folder, check=True, env={**os.environ, "PATH": search_path()})
    top = folder / "icarus_top.sv"
    top.write_text(
        TOP.format(lanes=shape.lanes, banks=shape.banks, streams=shape.streams, address=structure.address_bits)
    )
    sources = [top, BENCH, folder / "assigned.v", *memory_sources()]
    subprocess.run(["iverilog", "-g2012", "-s", "icarus_top", "-o", "icarus", *sources], cwd=folder, check=True)
    return Icarus("icarus", folder, traced=False, timing=True)


def _short(program: Program) -> bool:
    """Whether Icarus runs an image in seconds."""
    return sum(program.predicted_cycles) <= LONGEST


def rows() -> list[Row]:
    """Networks whose every value is the golden model's."""
    if shutil.which("iverilog") is None:
        raise PlainError("no iverilog on PATH: install it (Debian, Ubuntu: 'apt install iverilog')")
    exact = values = 0
    wrong = []
    for number, (graph, program) in zip(range(NETWORKS), drawn(SEED, _short), strict=False):
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
            network = SimulatedNetwork.of_program(program, graph.package, Path(folder) / "run")
            try:
                comparison = compare(network, compiled(program.structure, Path(folder)), graph.images)
            except BenchError as error:
                wrong.append(f"{number}: {error}")
                continue
        exact, values = exact + comparison.bit_exact, values + comparison.values
        if not comparison.bit_exact:
            wrong.append(f"{number}: {comparison.first}")
        print(f"  {number + 1} of {NETWORKS}: {comparison.values} values", flush=True)
    note = f"{values} values, {NETWORKS} structures" + "".join(f"; {text}" for text in wrong)
    return [
        Row("trust.icarus", COMMAND, f"{exact}/{NETWORKS}", "random networks exact under Icarus Verilog, every value",
            "20 of 20", exact == NETWORKS, str(SEED), note)
    ]  # fmt: skip
