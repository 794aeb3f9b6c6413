"""What `allot doctor` finds out with Celery and its broker libraries: logins, servers, round trips, requirements."""
