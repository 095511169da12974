"""From anything on disk to arrays. Host code: nothing here imports JAX."""
