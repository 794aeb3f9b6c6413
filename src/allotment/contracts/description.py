"""Contracts told to another process or kept in a file: all but the code that defines them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.contracts.shape import Shape


@dataclass(frozen=True, slots=True)
class Description:
    """A contract: its shape, the queue it is sent to, its text, and where it is defined, as `module:attribute`."""

    shape: Shape
    queue: str
    about: str
    place: str

    @property
    def name(self) -> str:
        """The task's name."""
        return self.shape.name

    def document(self) -> dict[str, Any]:
        """Give it for JSON; `from_document` reads it."""
        shape = self.shape
        return {
            "name": shape.name,
            "queue": self.queue,
            "signature": str(shape),
            "digest": shape.digest,
            "place": self.place,
            "about": self.about,
            "parameters": [
                {
                    "name": one.name,
                    "kind": str(one.kind),
                    "required": one.required,
                    "type": one.written,
                    "schema": one.schema,
                }
                for one in shape.parameters
            ],
            "result": {"type": shape.result_written, "schema": shape.result},
            "definitions": dict(shape.definitions),
        }

    @classmethod
    def from_document(cls, document: Any) -> "Description":
        """Read what `document` gave. Raises ValueError where it is something else."""
        try:
            parameters = [
                [one["name"], one["kind"], one["required"], one["schema"], one["type"]]
                for one in document["parameters"]
            ]
            result = document["result"]
            shape = [document["name"], parameters, result["schema"], result["type"], document["definitions"]]
            queue, about, place = (str(document[key]) for key in ("queue", "about", "place"))
            return cls(Shape.from_text(json.dumps(shape)), queue, about, place)
        except KeyError as error:
            raise ValueError(f"a contract lacks {error}") from None
        except (TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"a contract has another form: {error}") from None


def to_document(contracts: Iterable[Description]) -> dict[str, Any]:
    """Give contracts as one JSON document, by their names."""
    return {"contracts": [one.document() for one in sorted(contracts, key=lambda one: one.name)]}


def from_document(document: Any) -> tuple[Description, ...]:
    """Read what `to_document` gave. Raises ValueError where it is something else."""
    contracts = document.get("contracts") if isinstance(document, Mapping) else None
    if not isinstance(contracts, list):
        raise ValueError("it has no list `contracts`")  # noqa: TRY004 - a wrong document, whatever is in it
    return tuple(Description.from_document(one) for one in contracts)
