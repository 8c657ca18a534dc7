"""Shared by all tests: threads, and marks by what a file needs."""

from pathlib import Path

import pytest
import torch

# The networks of the tests are small: threads that wait for each other on a busy machine cost more than they bring.
torch.set_num_threads(1)

#: What ``make test-quick`` leaves out: mark → files, by the beginning of their path.
NEEDS = {
    "simulator": (
        "boards/link/test_link.py",
        "boards/link/test_parts.py",
        "boards/link/test_uart.py",
        "boards/test_netlist.py",
        "docs/test_add_a_board.py",
        "docs/test_add_an_op.py",
        "examples/",
        "flow/test_netlist.py",
        "hdl/test_faults.py",
        "hdl/test_fetch.py",
        "hdl/test_lanes.py",
        "hdl/test_memory.py",
        "hdl/test_units.py",
        "sim/accelerator/",
        "sim/campaign/test_rtl.py",
        "sim/verilator/",
        "spikewright/test_commands.py",
        "spikewright/test_full_disk.py",
        "spikewright/test_scripts.py",
        "spikewright/test_together.py",
    ),
    "trains": (
        "benchmarks/test_cells.py",
        "compress/recipe/test_paper_recipes.py",
        "compress/run/test_guided_stage.py",
        "compress/run/test_recipes.py",
        "compress/run/test_rewinding.py",
        "compress/run/test_run.py",
        "compress/search/test_search.py",
        "compress/training/test_parallel.py",
        "spikewright/test_compress.py",
        "spikewright/test_compress_stops.py",
        "spikewright/test_names_of_users.py",
    ),
    "whole": (
        "benchmarks/test_rows.py",
        "compiler/test_fit.py",
        "compiler/test_least.py",
        "compress/checkpoint/test_broken.py",
        "compress/checkpoint/test_hostile.py",
        "compress/run/test_packages.py",
        "compress/run/test_reference.py",
        "cost/test_equality.py",
        "cost/test_estimate.py",
        "docs/test_supported.py",
        "models/test_data.py",
        "packaging/test_wheel.py",
        "sim/campaign/test_ladder.py",
        "sim/campaign/test_run.py",
        "sim/stimulus/test_random_graphs.py",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by its file."""
    here = Path(__file__).parent
    for item in items:
        file = item.path.relative_to(here).as_posix()
        for mark, beginnings in NEEDS.items():
            if file.startswith(beginnings):
                item.add_marker(mark)
