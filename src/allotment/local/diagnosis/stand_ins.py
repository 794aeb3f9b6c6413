"""What a node that is down means where others of its list stand in for it: pure."""

from collections.abc import Sequence
from dataclasses import replace

from allotment.local.diagnosis.check import Check, Status
from allotment.local.diagnosis.network import CONNECTION, NAME

_PASSED_OVER = frozenset({NAME, CONNECTION})
"""The checks that fail where a node is down; one that fails later was reached, and Celery may stay with it."""


def judged_together(nodes: Sequence[Sequence[Check]]) -> list[list[Check]]:
    """Give the checks of each node of a broker's list, with a failure of one that is down made a warning.

    So where another of the list is well; Celery takes them in their order (`kombu/connection.py`, round-robin).
    """
    living = next((number for number, checks in enumerate(nodes, 1) if not any(check.failed for check in checks)), None)
    if living is None:
        return [list(checks) for checks in nodes]
    return [[_passed_over(check, living) for check in checks] for checks in nodes]


def _passed_over(check: Check, living: int) -> Check:
    if not check.failed or check.name not in _PASSED_OVER:
        return check
    return replace(check, status=Status.WARNING, detail=f"{check.detail}; Celery uses broker {living} in its place")
