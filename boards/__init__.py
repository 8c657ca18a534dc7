"""Board descriptions, board tops, bitstream builds and the host link."""
