"""What each feature of the accelerator costs: LUT with its flag on and off, cycles with and without."""
