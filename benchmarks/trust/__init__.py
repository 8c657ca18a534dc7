"""Trust: that nothing is computed wrongly, that no input ends in a traceback, and that runs cannot disturb each other."""
