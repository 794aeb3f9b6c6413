"""An address in the file has its password written out, for everyone who may read the file."""

import re
from collections.abc import Iterator

from allotment.model.address import Address, each_url
from allotment.rules.hosts import is_near
from allotment.rules.rule import Confidence, Finding, Label, Severity
from allotment.rules.subject import Subject
from allotment.source.environment import expand, references

SEVERITY = Severity.ERROR
CONFIDENCE = Confidence.HIGH

_CREDENTIALS = r"://(?P<user>[^:/?#@]*):(?P<password>.+)@(?P<host>[^/?#@]*)"
_IN_QUERY = r"(?i)[?&][^=&]*(?:password|passwd|secret|token)[^=&]*=[^&]"
_GUEST = ("guest", "guest")
"""RabbitMQ's account for trying it out, whose password everyone knows."""


def check(subject: Subject) -> Iterator[Finding]:
    """Find passwords in `broker:` and `results:` as they are written; what the environment gives is not looked at."""
    for key, address, variable in (
        ("broker", subject.model.broker, "BROKER_URL"),
        ("results", subject.model.results, "RESULT_URL"),
    ):
        if address is None or not any(map(_has_password, each_url(_as_written(address)))):
            continue
        # nothing said here may repeat the address, or a part of it
        yield Finding(
            f"{key}: the address has its password written in the file",
            f"write {key}: ${{{_variable(address) or variable}}}, give the address in the environment, and change the"
            " password, as others may have read it",
            (Label((key,), "a password is written here"),),
        )


def _as_written(address: Address) -> str:
    """Give an address as the file alone makes it: every variable empty, so that only what is written is left."""
    if address.written is None:
        return address.value
    return expand(address.written, {name: "" for name, _ in references(address.written)})


def _variable(address: Address) -> str | None:
    """Give the variable that stands for the whole address already; None where none does."""
    written = address.written or ""
    named = references(written)
    whole = len(named) == 1 and written.startswith("${") and written.index("}") == len(written) - 1
    return named[0][0] if whole else None


def _has_password(url: str) -> bool:
    found = re.search(_CREDENTIALS, url)
    if found and not ((found["user"], found["password"]) == _GUEST and is_near(found["host"].partition(":")[0])):
        return True
    return re.search(_IN_QUERY, url) is not None
