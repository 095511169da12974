"""Train, validation and test splits: drawn by a keyed hash, by time, in folds, or as they are written down."""
