"""Rows of the compression methods, ``compress.*``, by the protocol of docs/protocol.md.

Of each method, ``*_cells.py`` trains its networks fold by fold, and ``*_rows.py`` draws its rows from what they answer.
"""
