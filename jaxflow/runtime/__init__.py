"""The process: settings before JAX starts, other processes, signals."""
