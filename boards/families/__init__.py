"""FPGA families: what the compiler, synthesis and the board tops must know of a vendor, one file a family."""
