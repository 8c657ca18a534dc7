"""Users' checkpoints: what a file holds, what network it is of, and its port to Spikewright's layers."""
