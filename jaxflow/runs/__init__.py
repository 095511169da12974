"""The run folder: what was run, on what, by which code, with which result."""
