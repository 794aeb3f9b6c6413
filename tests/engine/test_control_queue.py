"""The queue by which a worker is controlled: its next process has it while the broker still knows the lost one's."""

from pathlib import Path

import pytest
from amqp.exceptions import ResourceLocked
from celery import Celery

from allotment import Fleet
from allotment.testing.brokers import RabbitServer

FLEET = "profiles: {all: {queues: [work]}}\n"


def declared_twice(app: Celery) -> None:
    """Declare the queue of one worker by two connections that live at the same time."""
    queue = app.control.mailbox.Node("all-1@here").mailbox.get_queue("all-1@here")
    with app.connection_for_read() as lost, app.connection_for_read() as found:
        queue(lost.default_channel).declare()
        try:
            queue(found.default_channel).declare()
        finally:
            queue(lost.default_channel).delete()


def test_a_worker_whose_connection_was_lost_starts_at_once(rabbitmq: RabbitServer, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(f"broker: {rabbitmq.url}\nresults: rpc://\n{FLEET}")
    app = Celery("controlled", set_as_current=False)
    Fleet.load(tmp_path / "fleet.yaml").install(app)
    declared_twice(app)


def test_what_the_app_says_of_it_stays(rabbitmq: RabbitServer, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(
        f"broker: {rabbitmq.url}\nresults: rpc://\nsettings: {{control_queue_exclusive: true,"
        f" control_queue_durable: false}}\n{FLEET}"
    )
    app = Celery("controlled", set_as_current=False)
    Fleet.load(tmp_path / "fleet.yaml").install(app)
    with pytest.raises(ResourceLocked):
        declared_twice(app)
