"""What makes the figures of docs/results.md; ``python benchmarks/run.py`` is the one entry.

``hardware/``     the accelerator: the reference model, the compiler, random networks, flipped bits, synthesis
``compression/``  the methods of compression: the protocol, its cells, how they are trained, and rows drawn from them
``house/``        the sources: that a change of their plan changed nothing, and how small they are
``trust/``        that no input is computed wrongly, ends in a traceback, or never ends
``data/``         the cells that have been trained, one file for a method on a fold

Beside them what both share: the rows (results.py), the page that is drawn from them (page.py), and the figures that
prose quotes (quotes.py).
"""
