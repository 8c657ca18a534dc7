"""Leaf cost model shared by compress and compiler."""
