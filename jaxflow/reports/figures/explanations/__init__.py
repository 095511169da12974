"""Figures of what a model looks at."""
