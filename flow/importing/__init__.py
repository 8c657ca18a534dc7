"""From a user's trained network to a package: ``spikewright import``."""
