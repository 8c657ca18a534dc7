"""Shared by the tests of boards/."""

import pytest

from spikewright.boards.families.ecp5 import FAMILY
from spikewright.toolchain import ToolError, synthesis_tools


def pytest_configure(config):
    """Constructors that refuse their arguments leave elaboratables behind that were never used."""
    config.addinivalue_line("filterwarnings", "ignore:.*created but never used")


@pytest.fixture
def synthesis():
    """Skips where neither native tools nor the wheels of the synth extra are installed."""
    try:
        return synthesis_tools(tool.name for tool in FAMILY.tools)
    except ToolError as error:
        pytest.skip(str(error))
