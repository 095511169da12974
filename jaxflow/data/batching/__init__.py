"""Which examples a step takes, and the batches made of them."""
