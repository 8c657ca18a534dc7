"""Trust: nothing is computed wrongly, no input ends in a traceback, and runs cannot disturb each other."""
