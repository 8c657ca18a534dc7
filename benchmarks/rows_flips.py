"""200 single-bit flips in the reference model's ROMs, planted behind the hash check."""

from __future__ import annotations

from common import WORK, command, reference_build
from results import Row

from spikewright.models import data
from spikewright.sim.faults import count_verdicts, draw_flips, judge_all
from spikewright.sim.run import Target, simulator_of

SEED, COUNT, IMAGES = 2026, 200, 16


def rows() -> list[Row]:
    build = reference_build("flips")
    target = Target.of_build(build)
    used = {rom.name: len(rom.read_text().split()) for rom in build.roms}
    images = data.load(build.package.network.data).test.images[:IMAGES]
    outcomes = judge_all(target, simulator_of(build), images, draw_flips(target, used, COUNT, SEED), WORK / "flip")
    table = count_verdicts(outcomes)
    for outcome in outcomes:
        print(f"  {outcome.flip}: {outcome.verdict}: {outcome.detail}", flush=True)
    total = {verdict: sum(row[verdict] for row in table.values()) for verdict in ("caught", "hang", "masked", "timing")}
    note = f"masked: all values of {IMAGES} images equal; timing: masked, but other cycles"
    made = [Row("2.flips", command("flips"), total, "", "each caught, hung or masked", sum(total.values()) == COUNT,
                str(SEED), note)]  # fmt: skip
    return made + [Row(f"2.flips-{kind}", command("flips"), row, "", seeds=str(SEED)) for kind, row in table.items()]
