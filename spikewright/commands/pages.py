"""Pages that commands leave beside their JSON: of a BUILD and of a run."""

from pathlib import Path

from spikewright.files import write_whole

PAGE = "report.html"


def draw_page(build: Path) -> Path:
    """Draw ``report.html`` of a BUILD from its report and traces."""
    from spikewright.view.build_page import build_page
    from spikewright.view.sources import read_build

    write_whole(build / PAGE, build_page(read_build(build)).encode())
    return build / PAGE


def draw_run(run: Path) -> Path:
    """Draw ``report.html`` of a run's folder from what it left."""
    from spikewright.view.run_page import run_page
    from spikewright.view.sources import read_run

    write_whole(run / PAGE, run_page(read_run(run)).encode())
    return run / PAGE
