"""A program of the example shop that calls its tasks."""
