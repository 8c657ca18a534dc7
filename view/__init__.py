"""Pages to look at: of a BUILD and of a compression run, each one file that needs nothing else.

Everything shown is drawn from typed files that were written before; this room measures nothing, and knows no network.
"""
