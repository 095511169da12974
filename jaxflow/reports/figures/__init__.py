"""Figures, drawn with Matplotlib's object interface: no global state, no display."""
