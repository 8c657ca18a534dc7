"""200 single-bit flips in the reference model's ROMs, planted behind the hash check."""

from __future__ import annotations

from benchmarks.common import command
from benchmarks.hardware.reference_build import WORK, reference_build
from benchmarks.results import Row
from spikewright.models import data
from spikewright.sim.accelerator.faults import count_verdicts, draw_flips, judge_all

COMMAND = command("flips")
SEED, COUNT, IMAGES = 2026, 200, 16
VERDICTS = ("caught", "hang", "masked", "timing")


def rows() -> list[Row]:
    """What becomes of the flips, of all and by what the ROM holds."""
    build = reference_build("flips")
    words_in_use = {rom.name: len(rom.read_text().split()) for rom in build.roms}
    images = data.load(build.package.network.data).test.images[:IMAGES]
    flips = draw_flips(build.network, words_in_use, COUNT, SEED)
    outcomes = judge_all(build.network, build.simulator(), images, flips, WORK / "flip")
    for outcome in outcomes:
        print(f"  {outcome.flip}: {outcome.verdict}: {outcome.detail}", flush=True)
    verdicts = count_verdicts(outcomes)
    total = {verdict: sum(counts[verdict] for counts in verdicts.values()) for verdict in VERDICTS}
    note = f"masked: all values of {IMAGES} images equal; timing: masked, but other cycles"
    return [
        Row("hw.flips", COMMAND, total, "", "each caught, hung or masked", sum(total.values()) == COUNT, str(SEED),
            note),
        *(Row(f"hw.flips-{kind}", COMMAND, counts, "", seeds=str(SEED)) for kind, counts in verdicts.items()),
    ]  # fmt: skip
