"""The program interpreter: ROM images and descriptors executed in NumPy as the hardware reads them.

The rung between the IR and RTL: built on the blocks' models, it knows nothing of the network. ``check`` compares what
it yields with the golden model.
"""
