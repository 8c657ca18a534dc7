"""Package to IR, passes, and the program (ROM images and configuration) of the accelerator."""
