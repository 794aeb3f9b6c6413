"""Whether a producer with one version of a contract goes together with a worker that has another.

A message goes from the producer to the worker, and the result comes back. Both are looked at: arguments that the worker
would refuse, lose or take for something else, and a result that the producer could not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from allotment.contracts.differences import Difference, Severity
from allotment.contracts.passing import Passing, Signature, renamed
from allotment.contracts.schemas.assignment import Assignment
from allotment.contracts.schemas.constraints import SchemaInvalid
from allotment.contracts.schemas.sides import Refusal, Side
from allotment.contracts.schemas.size import check_size
from allotment.contracts.shape import Parameter, ParameterKind, Shape


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between a producer's contract and a worker's; nothing where the two are alike.

    `not_to_be_given` names the producer's parameters that a call must leave out for the worker to run it: what it takes
    besides by `*args` or `**kwargs` goes by the name of that parameter, and a name may be one that only its `**kwargs`
    would take. `passing.given` says what a call gives.
    """

    differences: tuple[Difference, ...] = ()
    not_to_be_given: frozenset[str] = frozenset()

    @property
    def verdict(self) -> Severity:
        """The worst of the differences, HARMLESS where there is none."""
        return max((one.severity for one in self.differences), default=Severity.HARMLESS)


@dataclass(frozen=True, slots=True)
class Compatibility:
    """What a change of a contract does while both versions are in use: in both directions."""

    new_producer: Comparison
    new_worker: Comparison

    @property
    def verdict(self) -> Severity:
        """The worse of the two."""
        return max(self.new_producer.verdict, self.new_worker.verdict)


def compatibility(old: Shape, new: Shape) -> Compatibility:
    """Compare a new producer with an old worker, and an old producer with a new worker."""
    return Compatibility(new_producer=compare(new, old), new_worker=compare(old, new))


def compare(producer: Shape, worker: Shape) -> Comparison:
    """Say what may happen to a call of this producer at this worker, and to its result.

    A shape may come from outside: what is none, or is too large to compare, is a BREAKING difference.
    """
    try:
        check_size(producer)
        check_size(worker)
        if producer.digest == worker.digest:
            return Comparison()
        found = tuple(_Versions(producer, worker).differences())
    except SchemaInvalid as error:
        return Comparison((Difference(Severity.BREAKING, None, f"the two cannot be compared: {error}"),))
    left_out = (one.parameter for one in found if one.severity is Severity.DEPENDS)
    return Comparison(found, frozenset(name for name in left_out if name is not None))


class _Versions:
    """The two shapes, with what compares their schemas, in each direction."""

    def __init__(self, producer: Shape, worker: Shape) -> None:
        self.producer = producer
        self.worker = worker
        ours = Side("the producer", producer.definitions)
        theirs = Side("the worker", worker.definitions)
        self.sent = Assignment(ours, theirs)
        self.returned = Assignment(theirs, ours)
        self.read = Assignment(theirs, ours, may_drop=True)

    def differences(self) -> Iterator[Difference]:
        if self.producer.name != self.worker.name:
            told = f"the producer names the task {self.producer.name!r:.80}, the worker {self.worker.name!r:.80}"
            yield Difference(Severity.BREAKING, None, told)
        ours = Signature(self.producer.parameters)
        theirs, told_of = renamed(ours, Signature(self.worker.parameters))
        yield from told_of
        passing = Passing(ours, theirs)
        yield from passing.differences()
        for sent, taken in passing.pairs():
            yield from self._type(sent, taken)
        yield from self._by_stars(passing)
        yield from self._result()

    def _type(self, sent: Parameter, taken: Parameter) -> Iterator[Difference]:
        refusal = self.sent.refusal(sent.schema, taken.schema)
        if refusal is not None:
            yield Difference(Severity.BREAKING, sent.name, _told(refusal, sent.name))
        elif self.returned.refusal(taken.schema, sent.schema) is not None:
            told = f"the worker takes more: {taken.written}, where the producer gives {sent.written}"
            if self.sent.rounds(sent.schema, taken.schema):
                told += "; a whole number beyond 2**53 may become another"
            yield Difference(Severity.HARMLESS, sent.name, told)

    def _by_stars(self, passing: Passing) -> Iterator[Difference]:
        """Compare what `*args` and `**kwargs` take on one side and a parameter of its own on the other."""
        known, taken = passing.producer.named, passing.worker.named
        for name, ours in known.items():
            for star in passing.taken_by_stars(ours) if name not in taken else ():
                refusal = self.sent.refusal(ours.schema, star.schema)
                if refusal is not None:
                    yield Difference(Severity.BREAKING, name, _told(refusal, name))
        others = passing.producer.of_kind(ParameterKind.VAR_KEYWORD)
        if others is None:
            return
        for name, theirs in taken.items():
            alone = theirs.kind is ParameterKind.POSITIONAL_ONLY  # Python 3.11 binds no keyword of such a name
            if name not in known and (alone or self.sent.refusal(others.schema, theirs.schema) is not None):
                told = f"right as long as a call does not give it by **{others.name}"
                yield Difference(Severity.DEPENDS, name, told)

    def _result(self) -> Iterator[Difference]:
        given, read = self.worker.result, self.producer.result
        more = self.returned.refusal(given, read)
        refusal = more and self.read.refusal(given, read)
        if refusal is not None:
            yield Difference(Severity.BREAKING, None, f"the result cannot be read: {_told(refusal, 'the result ')}")
        elif more is not None:
            told = f"the result has more than the producer reads: {_told(more, 'the result ')}"
            yield Difference(Severity.HARMLESS, None, told)
        elif self.sent.refusal(read, given) is not None:
            told = f"the result is narrower: {self.worker.result_written}, where the producer reads"
            yield Difference(Severity.HARMLESS, None, f"{told} {self.producer.result_written}")


def _told(refusal: Refusal, whole: str) -> str:
    return f"{refusal.told} (in {whole}{refusal.path})" if refusal.path else refusal.told
