"""Which examples a step takes, and the batches built of them."""
