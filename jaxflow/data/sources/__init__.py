"""Data sources, as experiments hold them: one file each."""
