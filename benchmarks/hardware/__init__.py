"""Rows of the accelerator, ``hw.*``: one file for each group of ``benchmarks/run.py``."""
