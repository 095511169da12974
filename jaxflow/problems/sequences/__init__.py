"""Sequences: a class at each token, and texts that are read out of frames."""
