"""Trained weights: read from runs and files, in jaxflow's and in torch's names, and written for others."""
