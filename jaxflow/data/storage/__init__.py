"""What stays on disk: the cache, and splits that are mapped."""
