"""Before training: describes the data, and what is odd about it."""
