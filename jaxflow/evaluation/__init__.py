"""Evaluation of the test split: metrics, each example's predictions and losses, the report."""
