"""The versions of what runs here, against what Allotment needs."""

import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from allotment.local.diagnosis.check import Check, Status

PACKAGES = ("celery", "kombu", "redis")


def versions() -> Iterator[Check]:
    """Check Python and packages against what Allotment itself requires of them, so that there is no second list."""
    about = metadata.metadata("allotment")
    python = ".".join(map(str, sys.version_info[:3]))
    yield _compared(
        "Python", python, SpecifierSet(about["Requires-Python"] or ""), "make the environment with a newer one"
    )
    yield Check("allotment", Status.OK, about["Version"])
    needed = {one.name: one.specifier for one in map(Requirement, metadata.requires("allotment") or ())}
    for name in PACKAGES:
        remedy = f"pip install --upgrade '{name}{needed[name]}'"
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, Status.FAILED, "is not installed", "the environment is not whole", remedy)
        else:
            yield _compared(name, version, needed[name], remedy)


def _compared(name: str, version: str, needed: SpecifierSet, remedy: str) -> Check:
    if needed.contains(version, prereleases=True):
        return Check(name, Status.OK, version)
    cause = f"Allotment is made for {name} {needed}"
    return Check(name, Status.FAILED, f"{version} does not do", cause, remedy)
