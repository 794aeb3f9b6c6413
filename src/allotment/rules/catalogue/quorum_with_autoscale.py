"""A worker autoscales on a quorum queue, for which Celery cannot change how much it takes ahead."""

from collections.abc import Iterator

from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject

SEVERITY = Severity.WARNING
CONFIDENCE = Confidence.LOW


def check(subject: Subject) -> Iterator[Finding]:
    """Find profiles with an autoscale that consume quorum queues; one finding a profile."""
    quorum = {queue.name for queue in subject.quorum_queues}
    for profile in subject.placed:
        queues = [queue for queue in profile.queues if queue in quorum]
        if profile.autoscale and queues:
            most = profile.autoscale.most
            yield Finding(
                f"profile {profile.name!r} autoscales and consumes the quorum queue {queues[0]!r}: there"
                " Celery cannot change how much a worker takes ahead, and it does not vouch for autoscaling",
                f"set concurrency: {most}, or what the node bears, in place of autoscale",
                (
                    Label(subject.of_profile(profile.name, "autoscale"), f"up to {most}"),
                    Label(subject.of_queue(queues[0]), "a quorum queue"),
                ),
            )
