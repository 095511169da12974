"""Numbers and findings: what a dataset holds, and what is odd about it."""
