"""That nothing is computed wrongly, whatever the network, and that nothing disturbs a run."""
