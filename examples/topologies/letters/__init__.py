"""Five small tasks, A to E, that a workflow runs one after another."""
