"""Parallelism: where arrays lie, how steps are compiled for it, and how much of their work is in flight."""
