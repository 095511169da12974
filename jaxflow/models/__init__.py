"""Flax Linen modules. They are frozen dataclasses, so an experiment holds the model itself.

Every model is called as `model(inputs, train)` and gives raw outputs, (batch, outputs).
"""
