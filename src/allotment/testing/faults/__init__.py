"""The fault harness: break a running fleet on purpose, and check that nothing is lost."""
