"""Optimizers and learning-rate schedules as values."""
