"""Contracts on Celery: sending, binding, versions, and an app for one contract alone."""
