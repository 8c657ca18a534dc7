"""Spiking networks in plain PyTorch, data sets, and the model package."""
