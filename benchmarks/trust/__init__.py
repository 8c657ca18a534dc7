"""Trust: how many random networks were computed without one wrong value."""
