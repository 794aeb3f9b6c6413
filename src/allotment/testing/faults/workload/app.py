"""The app of the workload. The fleet file is its only configuration."""

from celery import Celery

from allotment.testing.faults.ledger import record_tasks
from allotment.testing.faults.workload import weakened

CRASH: str = "ALLOTMENT_FAULTS_CRASH"
"""Names a file; while it is there, this app's module of waiting tasks cannot be imported."""

app = Celery("faults", set_as_current=False)
app.conf.update(
    include=[f"allotment.testing.faults.workload.{name}" for name in ("left", "right", "waiting")],
    broker_connection_retry_on_startup=True,
    result_expires=86_400,
)
weakened.apply(app)
record_tasks()
