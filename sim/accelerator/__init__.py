"""The whole accelerator on Verilator: running it, reading its trace, comparing it with the golden model."""
