"""The worker of the example shop."""
