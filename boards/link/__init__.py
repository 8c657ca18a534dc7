"""The serial link: frames, the hardware that speaks them, and the host's side."""
