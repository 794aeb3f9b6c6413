"""Which profiles can run which task, and why the others cannot."""

import pytest

from allotment.model.profile import Profile
from allotment.model.requirements import NO_REQUIREMENTS, Mount, Requirements
from allotment.plan.capability import Capability, why_unable

NEEDS = Requirements((Mount("/srv"),), ("av",), ("ssd",))

PROFILES = {
    "all": Profile("all", ("q",)),
    "video": Profile("video", ("q",), tasks=("shop.video.*",), exclude_tasks=("*.preview",), requires=NEEDS),
    "mail": Profile("mail", ("q",), tasks=("shop.mail.send", "shop.mail.*")),
    "none": Profile("none", ("q",), tasks=()),
}


@pytest.mark.parametrize(
    ("task", "requires", "able"),
    [
        ("shop.video.render", NO_REQUIREMENTS, ("all", "video")),
        ("shop.video.preview", NO_REQUIREMENTS, ("all",)),
        ("shop.mail.send", NO_REQUIREMENTS, ("all", "mail")),
        ("shop.pay", NO_REQUIREMENTS, ("all",)),
        ("shop.video.render", NEEDS, ("video",)),
        ("shop.video.render", Requirements(labels=("ssd",)), ("video",)),
        ("shop.video.render", Requirements(labels=("gpu",)), ()),
        ("shop.mail.send", NEEDS, ()),
    ],
)
def test_who_can_run_a_task(task: str, requires: Requirements, able: tuple[str, ...]) -> None:
    capability = Capability(PROFILES)
    assert capability.names(capability.able(task, requires)) == able


@pytest.mark.parametrize(
    ("profile", "task", "requires", "words"),
    [
        ("all", "shop.pay", NO_REQUIREMENTS, None),
        ("video", "shop.video.render", NEEDS, None),
        ("video", "shop.video.preview", NO_REQUIREMENTS, ("exclude_tasks",)),
        ("video", "shop.pay", NO_REQUIREMENTS, ("does not register", "shop.video.*")),
        ("none", "shop.pay", NO_REQUIREMENTS, ("does not register", "none")),
        ("mail", "shop.mail.send", NEEDS, ("mount /srv", "import av", "label ssd")),
    ],
)
def test_why_a_profile_cannot(profile: str, task: str, requires: Requirements, words: tuple[str, ...] | None) -> None:
    reason = why_unable(PROFILES[profile], task, requires)
    if words is None:
        assert reason is None
    else:
        assert reason is not None
        assert repr(profile) in reason
        for word in words:
            assert word in reason


def test_sets_have_names_in_order_and_hold_what_they_are_made_of() -> None:
    capability = Capability(PROFILES)
    both = capability.set_of(["video", "all"])
    assert capability.names(both) == ("all", "video")
    assert both == capability.bit("video") | capability.bit("all")
    assert capability.names(0) == ()
