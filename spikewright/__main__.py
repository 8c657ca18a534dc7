"""``python -m spikewright``, and what ``torchrun -m spikewright`` starts."""

from spikewright.cli import main

main()
