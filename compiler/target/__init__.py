"""What an accelerator is: shape, structure, descriptors, rows, memories. All that hdl/ may know of the compiler."""
