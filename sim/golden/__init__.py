"""The integer golden model: package to PyTorch integer tensors, an independent witness."""
