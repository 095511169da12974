"""Arrays on disk: the cache, and splits that are mapped from it."""
