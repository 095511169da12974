"""HTML pages and figures, for exploration and evaluation alike."""
