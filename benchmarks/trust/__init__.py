"""Trust: that nothing is computed wrongly, and that runs cannot disturb each other."""
