"""The search of scheme and width for every layer (paper 2)."""
