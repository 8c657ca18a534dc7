"""A planned graph to buffers, weight lists and descriptors: one file an op."""
