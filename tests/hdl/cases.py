"""What the tests are parametrised with."""

import pytest
from structures import SHAPES

#: The shapes of ``structures.py``; the largest is for ``make test-slow``.
ALL_SHAPES = [pytest.param(name, marks=pytest.mark.slow if name == "large" else ()) for name in SHAPES]
