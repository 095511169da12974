"""What an experiment names: one file per source of data."""
