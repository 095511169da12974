"""Inference on new data."""
