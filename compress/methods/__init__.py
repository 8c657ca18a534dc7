"""The papers' methods: pruning, token selection, quantisation, neurons that learn, guided sparsity."""
