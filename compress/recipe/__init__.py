"""Recipes: their schema, reading them, and what they say of a network before it is built."""
