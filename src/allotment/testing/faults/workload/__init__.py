"""The fleet that the harness breaks: an app with three kinds of workers, its fleet file, and the same as plain Celery.

Each kind of worker has a module of tasks of its own, which the others do not import.
"""
