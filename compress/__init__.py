"""Compression methods as steps on a model, and recipes that chain them."""
