"""The same tasks as plain Celery: default settings, the queues of the fleet file, no lanes and no guard."""

import json
import os

from allotment.testing.faults.workload.app import app

SETTINGS: str = "ALLOTMENT_FAULTS_SETTINGS"
"""The environment variable with the settings of the app, as JSON: where the broker is and which queue each task has."""

app.conf.update(json.loads(os.environ.get(SETTINGS, "{}")), include=())
