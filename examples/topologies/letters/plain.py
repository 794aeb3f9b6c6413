"""The same app for plain Celery: a worker registers what it is told to include, and routes as its settings say."""

import json
import os

from celery import Celery

app = Celery("letters", broker=os.environ.get("BROKER_URL"), backend=os.environ.get("RESULT_URL"))
app.conf.update(json.loads(os.environ.get("LETTERS_SETTINGS", "{}")))
