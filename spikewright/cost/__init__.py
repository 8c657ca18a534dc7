"""Leaf cost model shared by compress and compiler: shapes and counts in, cycles and ROM bits out."""
