"""Random networks and images that everything must be exact on."""
