"""Spikewright: a trained spiking transformer goes in, a verified FPGA accelerator comes out."""

__version__ = "0.1.0"
