"""Sending many tasks at once."""
