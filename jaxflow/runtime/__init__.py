"""The process: before JAX starts, joined with others, told to stop."""
