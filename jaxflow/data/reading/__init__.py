"""Readers: one image, scan or audio file becomes one array."""
