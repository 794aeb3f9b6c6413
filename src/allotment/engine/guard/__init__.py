"""The guard: what a worker does with a message that it cannot run."""
