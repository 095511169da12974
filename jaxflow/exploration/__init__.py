"""Description of the data before training: numbers, figures and issues, as one page."""
