"""Shared by all tests."""

import torch

# The networks of the tests are small: threads that wait for each other on a busy machine cost more than they bring.
torch.set_num_threads(1)
