"""What a comparison leaves in a BUILD; the golden model stands for the accelerator."""

from pathlib import Path

import numpy as np

from spikewright.flow.build_folder import open_build
from spikewright.flow.reporting import build_report
from spikewright.flow.tracing import Tracing
from spikewright.sim.accelerator.compare import Comparison
from spikewright.sim.accelerator.run import Piece
from spikewright.sim.golden import run
from spikewright.sim.mismatch import Mismatch
from spikewright.sim.stimulus.random_networks import NetworkSpec
from spikewright.view.build_page import build_page
from spikewright.view.sources import read_build

SPEC = NetworkSpec(height=8, width=8, dim=24, heads=2, depth=2, pools=(False, True, False, False), selectors=((1, 9),))

#: Of the network: it must come out as text.
NAME = "<script>alert('1')</script> & \"quotes\""


def observe(folder: Path, images: np.ndarray, labels: np.ndarray | None = None, wrong: Mismatch | None = None) -> None:
    """Leave in a BUILD what a comparison of these images would; wrong: a mismatch that it would have found."""
    build = open_build(folder)
    golden = run(build.package, images)
    tracing = Tracing(build, labels)
    observed = {name: values.numpy() for name, values in golden.values.items()}
    observed |= {f"{name}.kept": kept.numpy() for name, kept in golden.kept.items()}
    descriptors = [each for each in build.program["descriptors"] if each["kind"] != "END"]
    comparison = Comparison(
        images=len(images),
        values=1000,
        mismatches=int(wrong is not None),
        layers={wrong.layer: 1} if wrong else {},
        first=wrong,
        golden=golden.classes.tolist(),
        rtl=golden.classes.tolist(),
        counters=len(images) * np.array([(each["cycles"], each["pairs"], 0) for each in descriptors]),
    )
    tracing.add(comparison, Piece(0, images, None), golden, observed)
    report = build_report(build, comparison, labels, tracing.fired())
    report.write(folder)
    tracing.traces(report.identity).write(folder)


def draw(folder: Path) -> str:
    """Draw a BUILD's page, and leave it there."""
    page = build_page(read_build(folder))
    (folder / "report.html").write_text(page)
    return page
