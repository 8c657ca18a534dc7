"""The epoch loop and what it needs: objective, devices, several processes, determinism."""
