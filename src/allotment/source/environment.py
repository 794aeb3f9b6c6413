"""`${NAME}` and `${NAME:-default}` in the values of a file."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


class UnsetVariable(Exception):
    """A value refers to an environment variable that is not set and gives no default."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")
        self.name = name


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put the environment's values in; an empty value counts as unset where a default is given, as in a shell."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = environment.get(name)
        if found is None and default is None:
            raise UnsetVariable(name)
        return default if default is not None and not found else found or ""

    return _REFERENCE.sub(value, text)


def references(text: str) -> list[tuple[str, str | None]]:
    """List the variables a text refers to, each with its default or None."""
    return [(match["name"], match["default"]) for match in _REFERENCE.finditer(text)]
