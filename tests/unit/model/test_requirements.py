"""What a worker's node must offer."""

import pytest

from allotment.model.requirements import NO_REQUIREMENTS, Mount, Requirements


def test_what_the_offer_lacks_is_named() -> None:
    wanted = Requirements((Mount("/srv/media"), Mount("/srv/models")), ("av", "torch"), ("ssd", "gpu"))
    offer = Requirements((Mount("/srv/media"),), ("av",), ("ssd",))
    assert wanted.missing_from(offer) == ("mount /srv/models", "import torch", "label gpu")


def test_an_offer_of_more_lacks_nothing() -> None:
    offer = Requirements((Mount("/a"), Mount("/b")), ("av",), ("ssd",))
    assert Requirements((Mount("/a"),)).missing_from(offer) == ()
    assert NO_REQUIREMENTS.missing_from(offer) == ()


@pytest.mark.parametrize(
    "one", [Requirements((Mount("/a"),)), Requirements(imports=("av",)), Requirements(labels=("ssd",))]
)
def test_any_one_requirement_makes_it_count(one: Requirements) -> None:
    assert one
    assert one.missing_from(NO_REQUIREMENTS)
    assert not NO_REQUIREMENTS


def test_a_plain_folder_does_not_do_where_a_mount_is_asked_for() -> None:
    mounted = Requirements((Mount("/srv/media", mount_point=True),))
    folder = Requirements((Mount("/srv/media", mount_point=False),))
    assert mounted.missing_from(folder)
    assert not folder.missing_from(mounted)


def test_a_mount_that_is_only_read_does_not_do_for_a_task_that_writes() -> None:
    writes = Requirements((Mount("/srv/media", writable=True),))
    reads = Requirements((Mount("/srv/media", writable=False),))
    assert writes.missing_from(reads)
    assert not reads.missing_from(writes)
