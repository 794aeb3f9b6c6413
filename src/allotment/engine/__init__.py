"""From the plan to Celery: the only place that knows celery, kombu and redis."""
