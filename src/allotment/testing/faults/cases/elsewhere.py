"""Rows of the matrix that are not run here: shown with the reason, never as passed."""

from allotment.testing.faults.case import Case
from allotment.testing.faults.scene import Scene


def _not_run(scene: Scene) -> None:
    """Nothing: the bench does not run it."""


_TESTS = "no fault of a running fleet: it is for the tests of reading and rendering"
CASES = (
    Case("F22", "apply killed after each stage", _not_run, elsewhere="there is no `allot apply` yet"),
    Case("F25", "hostile YAML", _not_run, elsewhere=_TESTS),
    Case("F26", "hostile names", _not_run, elsewhere=_TESTS),
    Case("F27", "an output folder that leads out", _not_run, elsewhere=_TESTS),
    Case("F28", "a canary password", _not_run, elsewhere=_TESTS),
)
