"""How arguments are passed: whether each way of giving one that a producer has leads to the same parameter at a worker.

Both ways count for a parameter that may be given by its position and by its name. What arguments hold is not looked at
here.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from allotment.contracts.differences import Difference, Severity
from allotment.contracts.schemas.constraints import SchemaInvalid
from allotment.contracts.shape import Parameter, ParameterKind

_IN_ORDER = tuple(ParameterKind)
_BY_POSITION = (ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD)
_BY_NAME = (ParameterKind.POSITIONAL_OR_KEYWORD, ParameterKind.KEYWORD_ONLY)
_STARS = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)


@dataclass(frozen=True)
class Signature:
    """The parameters of one side. Raises SchemaInvalid where Python would have no such signature."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        kinds = [parameter.kind for parameter in self.parameters]
        in_order = all(_IN_ORDER.index(one) <= _IN_ORDER.index(next_) for one, next_ in pairwise(kinds))
        once = all(kinds.count(star) <= 1 for star in _STARS)
        if not in_order or not once or len({parameter.name for parameter in self.parameters}) < len(kinds):
            raise SchemaInvalid("its parameters are in no order that a signature can have")

    @property
    def positional(self) -> tuple[Parameter, ...]:
        """Those that may be given by their position."""
        return tuple(one for one in self.parameters if one.kind in _BY_POSITION)

    @property
    def named(self) -> dict[str, Parameter]:
        """All but `*args` and `**kwargs`, by their names."""
        return {one.name: one for one in self.parameters if one.kind not in _STARS}

    def of_kind(self, kind: ParameterKind) -> Parameter | None:
        """Give `*args` or `**kwargs`, None where there is none."""
        return next((one for one in self.parameters if one.kind is kind), None)


@dataclass(frozen=True)
class Passing:
    """Two signatures, and what is told of their parameters by now."""

    producer: Signature
    worker: Signature

    def pairs(self) -> Iterator[tuple[Parameter, Parameter]]:
        """Give each parameter of the producer's that the worker has too, with the worker's."""
        known = self.worker.named
        yield from ((one, known[name]) for name, one in self.producer.named.items() if name in known)
        for kind in _STARS:
            ours, theirs = self.producer.of_kind(kind), self.worker.of_kind(kind)
            if ours is not None and theirs is not None:
                yield ours, theirs

    def taken_by_stars(self, parameter: Parameter) -> tuple[Parameter, ...]:
        """Give the worker's `*args` and `**kwargs` that take what it does not name; none if some way leads nowhere."""
        more, others = (self.worker.of_kind(kind) for kind in _STARS)
        ways: list[Parameter | None] = []
        if parameter.kind in _BY_POSITION:
            beyond = self.producer.positional.index(parameter) >= len(self.worker.positional)
            ways.append(more if beyond else None)
        if parameter.kind in _BY_NAME:
            ways.append(others)
        return () if None in ways else tuple(way for way in ways if way is not None)

    def differences(self) -> Iterator[Difference]:
        """Say what differs, parameter by parameter."""
        moved = dict(self._moved())
        yield from moved.values()
        known, taken = self.producer.named, self.worker.named
        for name, ours in known.items():
            if name not in taken and name not in moved:
                yield self._lacking(ours)
            elif name in taken:
                yield from _given(ours, taken[name])
                yield from self._given_twice(ours, taken[name])
        for name, theirs in taken.items():
            if name not in known and name not in moved:
                yield _new(theirs)
        yield from self._stars()

    def _moved(self) -> Iterator[tuple[str, Difference]]:
        """Say what has another position, or gives others another one."""
        ours = [one.name for one in self.producer.positional]
        theirs = [one.name for one in self.worker.positional]
        common = [name for name in ours if name in theirs]
        if common != [name for name in theirs if name in ours]:
            for name in common:
                here, there = ours.index(name) + 1, theirs.index(name) + 1
                if here != there:
                    told = f"it is number {here} by position at the producer and number {there} at the worker"
                    yield name, Difference(Severity.BREAKING, name, told)
            return
        for names, other, whose in ((ours, theirs, "only the producer"), (theirs, ours, "only the worker")):
            for place, name in enumerate(names):
                after = next((one for one in names[place:] if one in common), None)
                if name not in other and after is not None:
                    told = f"{whose} has it by position, before {after!r}: arguments by position are taken for others"
                    yield name, Difference(Severity.BREAKING, name, told)

    def _lacking(self, parameter: Parameter) -> Difference:
        name, kept = parameter.name, self.taken_by_stars(parameter)
        if kept:
            stars = " and ".join(_written(one) for one in kept)
            return Difference(Severity.HARMLESS, name, f"the worker does not name it and takes it by {stars}")
        if parameter.required:
            return Difference(Severity.BREAKING, name, "every call gives it, and the worker does not have it")
        told = "the worker does not have it: right as long as a call does not give it"
        return Difference(Severity.DEPENDS, name, told)

    def _given_twice(self, ours: Parameter, theirs: Parameter) -> Iterator[Difference]:
        others = self.producer.of_kind(ParameterKind.VAR_KEYWORD)
        if others and ours.kind is ParameterKind.POSITIONAL_ONLY and theirs.kind in _BY_NAME:
            told = f"calls may give it by position and its name to **{others.name}, which are one at the worker"
            yield Difference(Severity.BREAKING, ours.name, told)

    def _stars(self) -> Iterator[Difference]:
        for kind in _STARS:
            ours, theirs = self.producer.of_kind(kind), self.worker.of_kind(kind)
            if ours is None and theirs is not None:
                yield Difference(Severity.HARMLESS, theirs.name, f"only the worker has {_written(theirs)}")
            elif ours is not None and (theirs is None or self._shifted(ours)):
                told = f"the worker does not have {_written(ours)}: right as long as a call gives nothing to it"
                yield Difference(Severity.DEPENDS, ours.name, told)

    def _shifted(self, star: Parameter) -> bool:
        """Say whether what `*args` takes at the producer has a place of its own at the worker."""
        by_position = star.kind is ParameterKind.VAR_POSITIONAL
        return by_position and len(self.worker.positional) > len(self.producer.positional)


def given(parameters: Sequence[Parameter], count: int, names: Collection[str]) -> frozenset[str]:
    """Give the names that a call gives something to: so many arguments by position, and these by name.

    What only `*args` or `**kwargs` takes goes by the name of that parameter, and by its own where it has one.
    """
    by_position = [one.name for one in parameters if one.kind in _BY_POSITION]
    by_name = {one.name for one in parameters if one.kind in _BY_NAME}
    stars = {one.kind: one.name for one in parameters if one.kind in _STARS}
    found = {*by_position[:count], *names}
    if count > len(by_position):
        found.add(stars.get(ParameterKind.VAR_POSITIONAL, ""))
    if not by_name.issuperset(names):
        found.add(stars.get(ParameterKind.VAR_KEYWORD, ""))
    return frozenset(found - {""})


def renamed(producer: Signature, worker: Signature) -> tuple[Signature, tuple[Difference, ...]]:
    """Give the worker's parameters by the producer's names where only the position counts, and say which they are."""
    ours, theirs = ({one.name for one in side.parameters} for side in (producer, worker))
    alone = (ParameterKind.POSITIONAL_ONLY,) if producer.of_kind(ParameterKind.VAR_KEYWORD) else _BY_POSITION
    names: dict[str, str] = {}
    for one, other in zip(producer.positional, worker.positional, strict=False):
        new = one.name not in theirs and other.name not in ours
        if one.kind is ParameterKind.POSITIONAL_ONLY and other.kind in alone and new:
            names[other.name] = one.name
    told = "the worker calls it {!r}, and only its position counts"
    found = [Difference(Severity.HARMLESS, ours, told.format(theirs)) for theirs, ours in names.items()]
    others = producer.of_kind(ParameterKind.VAR_KEYWORD)
    for one in worker.parameters:
        if others is not None and one.name in names and not one.required:  # Python 3.11 binds no keyword of such a name
            left_out = f"right as long as a call does not give it by **{others.name}"
            found.append(Difference(Severity.DEPENDS, one.name, left_out))
    return Signature(tuple(replace(one, name=names.get(one.name, one.name)) for one in worker.parameters)), tuple(found)


def _given(ours: Parameter, theirs: Parameter) -> Iterator[Difference]:
    name = ours.name
    if ours.kind in _BY_POSITION and theirs.kind not in _BY_POSITION:
        yield Difference(Severity.BREAKING, name, "calls may give it by position, the worker takes it by name")
    elif ours.kind in _BY_NAME and theirs.kind not in _BY_NAME:
        yield Difference(Severity.BREAKING, name, "calls may give it by name, the worker takes it by position")
    elif ours.kind is not theirs.kind:
        yield Difference(Severity.HARMLESS, name, "the worker takes it both by position and by name")
    if theirs.required and not ours.required:
        yield Difference(Severity.BREAKING, name, "the producer may leave it out, and the worker needs it")
    elif ours.required and not theirs.required:
        yield Difference(Severity.HARMLESS, name, "the worker does not need it")


def _new(theirs: Parameter) -> Difference:
    if theirs.required:
        return Difference(Severity.BREAKING, theirs.name, "the worker needs it, and the producer does not have it")
    return Difference(Severity.HARMLESS, theirs.name, "only the worker has it, with a default")


def _written(star: Parameter) -> str:
    return f"{'*' if star.kind is ParameterKind.VAR_POSITIONAL else '**'}{star.name}"
