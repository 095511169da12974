"""Checkpoints by Orbax: written in the background, verified when they are read."""
