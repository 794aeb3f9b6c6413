"""The supervisor of the workers on this machine: how they are started, watched, started again, and ended."""
