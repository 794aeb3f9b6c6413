"""The shape of a contract: its signature as data, which two processes can compare without each other's code."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

DIGEST_LENGTH = 16

Schema = Mapping[str, Any]
"""A JSON Schema, without titles and descriptions; `$ref` leads to the definitions of its shape."""


class ParameterKind(StrEnum):
    """How an argument may be given; the words of Python's `inspect`."""

    POSITIONAL_ONLY = "positional-only"
    POSITIONAL_OR_KEYWORD = "positional-or-keyword"
    VAR_POSITIONAL = "var-positional"
    KEYWORD_ONLY = "keyword-only"
    VAR_KEYWORD = "var-keyword"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the JSON Schema of what it takes, and its type as it was written.

    Of `*args` and `**kwargs` the type is that of each value, and neither is required.
    """

    name: str
    kind: ParameterKind
    required: bool
    schema: Schema
    written: str


@dataclass(frozen=True)
class Shape:
    """The signature of a contract: name, parameters, result, and the definitions that their schemas refer to."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Schema
    result_written: str
    definitions: Mapping[str, Schema] = field(default_factory=dict)

    def __str__(self) -> str:
        """Give the signature as it would be written in Python, `…` for every default."""
        return f"{self.name}({', '.join(self._parts())}) -> {self.result_written}"

    def _parts(self) -> Iterator[str]:
        stars = {ParameterKind.VAR_POSITIONAL: "*", ParameterKind.VAR_KEYWORD: "**"}
        before: ParameterKind | None = None
        for parameter in self.parameters:
            kind = parameter.kind
            if before is ParameterKind.POSITIONAL_ONLY and kind is not before:
                yield "/"
            if kind is ParameterKind.KEYWORD_ONLY and before not in (kind, ParameterKind.VAR_POSITIONAL):
                yield "*"
            default = " = …" if not parameter.required and kind not in stars else ""
            yield f"{stars.get(kind, '')}{parameter.name}: {parameter.written}{default}"
            before = kind
        if before is ParameterKind.POSITIONAL_ONLY:
            yield "/"

    @cached_property
    def text(self) -> str:
        """The shape as JSON, always the same text for the same shape; `from_text` reads it."""
        parameters = [[one.name, str(one.kind), one.required, one.schema, one.written] for one in self.parameters]
        return json.dumps(
            [self.name, parameters, self.result, self.result_written, self.definitions],
            sort_keys=True,
            separators=(",", ":"),
        )

    @cached_property
    def digest(self) -> str:
        """A fingerprint of all that matters to the other side: how a type is written does not."""
        parameters = [[one.name, str(one.kind), one.required, one.schema] for one in self.parameters]
        told = json.dumps([self.name, parameters, self.result, self.definitions], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:DIGEST_LENGTH]

    @classmethod
    def from_text(cls, text: str) -> "Shape":
        """Read what `text` gave. Raises ValueError where it is something else."""
        try:
            name, parameters, result, written, definitions = json.loads(text)
            read = tuple(
                Parameter(str(one), ParameterKind(kind), bool(required), dict(schema), str(its))
                for one, kind, required, schema, its in parameters
            )
            return cls(str(name), read, dict(result), str(written), dict(definitions))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not the shape of a contract: {error}") from None
