"""One bench for each broker: its fleets are stopped when the last test has used them."""

from collections.abc import Iterator

import pytest

from allotment.testing.faults.bench import Bench


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """Give the bench on which the product's cases run; nothing may be left of the fleets that they share."""
    with Bench() as one:
        yield one
        assert one.finish() == ()
