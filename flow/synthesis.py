"""Synthesis of a BUILD: its own Verilog, memories and ROM images behind the serial link, through yosys and nextpnr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring

from spikewright.boards.link.link import ACCELERATOR
from spikewright.boards.synthesis import synthesize
from spikewright.boards.top import BoardTop
from spikewright.flow.build_folder import BuildFolder
from spikewright.flow.json_files import read_json, write_json
from spikewright.flow.report import SYNTHESIS, TIMING


class VerilogAccelerator(wiring.Component):
    """The module ``accelerator`` of a BUILD, so that what is synthesised is the file that was simulated.

    Latency, throughput, reset: those of the accelerator. Its observation ports stay open.
    """

    def __init__(self) -> None:
        super().__init__(ACCELERATOR)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.accelerator = Instance(
            "accelerator",
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_pixels__payload=self.pixels.payload,
            i_pixels__valid=self.pixels.valid,
            o_pixels__ready=self.pixels.ready,
            o_results__payload=self.results.payload,
            o_results__valid=self.results.valid,
            i_results__ready=self.results.ready,
        )
        return m


def board_top(build: BuildFolder) -> BoardTop:
    """The top of the BUILD's bitstream."""
    traced = build.trace_map
    height, width, channels = traced.image
    return BoardTop(
        VerilogAccelerator(),
        build.board,
        image_bytes=height * width * channels,
        result_words=traced.classes + 3 * len(traced.descriptors),
        build_id=int(build.manifest_hash[:8], 16),
    )


def synthesize_build(
    build: BuildFolder, *, seed: int = 1, log: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Synthesise, place and route; writes ``synthesis.json`` and the tools' files in ``synthesis/``."""
    files = [build.accelerator, *build.memories, *build.roms]
    result = synthesize(board_top(build), build.board, build.path / "synthesis", files=files, seed=seed, log=log)
    data = result.model_dump(mode="json")
    seconds = data.pop("seconds")
    data["meets_clock"] = result.meets_clock
    write_json(build.path / SYNTHESIS, data)
    timing = build.path / TIMING
    write_json(timing, read_json(timing) | {"synthesis_seconds": seconds})
    return data
