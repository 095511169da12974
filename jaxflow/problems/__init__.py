"""What is solved: a problem turns raw outputs and targets into losses, predictions, metrics and a baseline.

A problem is a frozen dataclass with `fit`, which gives it what it takes from the training targets, `num_outputs`,
`losses`, `predictions`, `metrics`, `baseline`, `prediction_table` and the name of the metric whose lowest value marks
the best checkpoint; `classification.py` is the pattern for others.
"""
