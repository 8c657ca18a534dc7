"""A run: checks before it, its stages, its files, and what it tried."""
