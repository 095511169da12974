"""The order of examples, and the batch of each step."""
