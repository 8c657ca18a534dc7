"""Synthesis of a BUILD: its own Verilog, memories and ROM images behind the serial link, through yosys and nextpnr."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring

from spikewright.boards.link.link import ACCELERATOR
from spikewright.boards.registry import real
from spikewright.boards.synthesis import SynthesisError, synthesize
from spikewright.boards.top import BoardTop
from spikewright.files import exchange
from spikewright.flow.build_folder import PLACED, PLACED_FAILED, BuildFolder, updating
from spikewright.flow.json_files import read_json, write_json
from spikewright.flow.report import SYNTHESIS, TIMING
from spikewright.flow.units import units
from spikewright.phases import Tell, silent
from spikewright.scratch import scratch


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
    return BoardTop(
        VerilogAccelerator(),
        real(build.board),
        image_bytes=prod(traced.image),
        result_words=traced.score_words * traced.classes + 3 * len(traced.descriptors),
        build_id=int(build.manifest_hash[:8], 16),
    )


def synthesize_build(build: BuildFolder, *, seed: int = 1, tell: Tell = silent) -> dict[str, Any]:
    """Synthesise, place and route; writes ``synthesis.json`` and the tools' files in ``synthesis/``.

    Where a tool fails, its files are in ``synthesis-failed/``, and nothing else is changed.
    """
    files = [build.accelerator, *build.memories, *build.roms]
    with scratch(build.path) as temporary:
        work = temporary / PLACED
        try:
            result = synthesize(
                board_top(build),
                real(build.board),
                work,
                files=files,
                seed=seed,
                tell=tell,
                unit=units(build.accelerator),
            )
        except SynthesisError as error:
            if not work.is_dir():
                raise
            with updating(build):
                _put(work, failed := build.path / PLACED_FAILED)
            raise SynthesisError(str(error).replace(str(work), str(failed))) from None
        data = result.model_dump(mode="json")
        seconds = data.pop("seconds")
        data["meets_clock"] = result.meets_clock
        with updating(build):
            _put(work, build.path / PLACED)
            write_json(build.path / SYNTHESIS, data)
            timing = build.path / TIMING
            write_json(timing, read_json(timing) | {"synthesis_seconds": seconds})
    return data


def _put(folder: Path, place: Path) -> None:
    """Put a folder in its place; what was there goes with the folder's own."""
    if place.is_dir():
        exchange(folder, place)
    else:
        folder.rename(place)
