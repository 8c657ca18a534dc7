"""One file a command. Each reads its arguments, calls the room that does the work, and prints what came out.

NumPy, PyTorch, Amaranth, matplotlib and the rooms that bring them are imported inside the functions that need them:
``--help`` and most refusals come at once.
"""
