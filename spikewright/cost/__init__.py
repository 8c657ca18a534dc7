"""Leaf cost model: cycles, which the compiler uses; work, stored bits and energy, estimates that compress uses."""
