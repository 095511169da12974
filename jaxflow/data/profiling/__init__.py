"""Profiling: what a dataset holds, and the issues it has."""
