"""The report of a run: what its page says, from results, predictions and learning curves."""
