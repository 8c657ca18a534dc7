"""The house: that a change of its plan changed nothing that is computed, and how small and how straight it is."""
