"""From an experiment to a trained state: pure steps, and the loop that folds them over batches."""
