"""What outputs mean: a problem turns raw outputs and targets into losses, a distribution, an answer and metrics.

A problem is a frozen dataclass whose loss and metrics are chosen in the experiment. `fit` returns it with what it takes
from the training targets; `num_outputs` checks the data; `losses` and `running_metrics` score a batch; `distribution`
turns outputs into probabilities or values and `answer` these into a class, a mask or a token; `predictions` is which of
the two tables are made of. `classes/classification.py` is the pattern for others.
"""
