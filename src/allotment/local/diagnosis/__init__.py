"""What `allot doctor` finds out without Celery: where it runs, what answers at an address, and in what language."""
