"""Runs side by side: what differed, how well each did, and whether the difference is more than chance."""
