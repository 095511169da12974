"""The process: its settings before JAX starts, the other processes of a run, and preemption."""
