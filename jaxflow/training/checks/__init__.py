"""Checks before a run is made: that its parts fit the data and each other, and that its steps can be traced."""
