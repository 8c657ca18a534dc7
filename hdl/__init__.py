"""The accelerator in Amaranth."""
