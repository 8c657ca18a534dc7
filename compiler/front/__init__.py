"""Package to IR: import, verification, execution in NumPy, JSON."""
