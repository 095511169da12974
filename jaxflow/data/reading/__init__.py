"""One file becomes one array."""
