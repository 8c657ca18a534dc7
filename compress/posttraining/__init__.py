"""Quantisation of a trained network without training: formats, correction on images, and what each layer loses."""
