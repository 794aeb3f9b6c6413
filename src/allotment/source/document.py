"""The values of a file, and where each of them stood: made by whoever reads the file, asked by whoever finds fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allotment.errors import Where

Path = tuple[str | int, ...]

Place = tuple[str, int, int, int, int]
"""A file, and the line and column, from 1, of the first character and of the one after the last."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the keys and the values of one mapping or list stand."""

    keys: dict[str | int, Place] = field(default_factory=dict)
    values: dict[str | int, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A file's values, and the place of each.

    `texts` holds the text of the file and of those it includes, by name; `parts` the documents it was put together
    from, whose values are known by identity and must live as long. `assumed` is what follows from a file of another
    shape as far as nothing that is written says otherwise (`shapes.assumed`).
    """

    file: str
    texts: Mapping[str, str] = field(repr=False)
    root: Any = field(repr=False)
    places: Mapping[int, Places] = field(repr=False)
    written: Mapping[tuple[int, str | int], str] = field(repr=False)
    parts: tuple["Document", ...] = field(default=(), repr=False)
    assumed: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """The text of the file itself."""
        return self.texts[self.file]

    def where(self, path: Path, *, key: bool = False) -> Where:
        """Give the place of the value at this path, or of its key; of the nearest thing above where there is none."""
        found: Place | None = None
        value = self.root
        for step in path:
            places = self.places.get(id(value))
            place = places and (places.keys if key and step in places.keys else places.values).get(step)
            if not place:
                break
            found = place
            value = value[step]
        if found is None:
            return Where(self.file, 1, 1)
        file, line, column, end_line, end_column = found
        return Where(file, line, column, end_line, end_column)

    def place_of(self, path: Path) -> Where:
        """Give the place to point at: of a plain value itself, of a mapping, a list or nothing its key."""
        return self.where(path, key=not isinstance(self.value(path), (str, int, float)))

    def value(self, path: Path) -> Any:
        """Give the value at this path; None where there is none."""
        found = self._written_at(path)
        return found[0] if found else None

    def has(self, path: Path) -> bool:
        """Say whether something is written at this path."""
        return self._written_at(path) is not None

    def _written_at(self, path: Path) -> tuple[Any] | None:
        value = self.root
        for step in path:
            places = self.places.get(id(value))
            if places is None or step not in places.values:
                return None
            value = value[step]
        return (value,)

    def as_written(self, path: Path) -> str | None:
        """Give the text of a scalar before the environment was put in; None where it was not."""
        value = self.root
        for step in path[:-1]:
            value = value[step]
        return self.written.get((id(value), path[-1]))
