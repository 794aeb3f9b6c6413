"""Keys of worker profiles as teams write them, put into those of a fleet file."""

from collections.abc import Callable, Mapping
from typing import Any

from allotment.model.names import did_you_mean
from allotment.source.shapes.draft import At, Draft

Convert = Callable[[Draft, dict[str, Any], str, At], None]
"""Puts what stands at a place into a profile, under this key."""

Keys = Mapping[str, tuple[str, Convert]]
"""Their keys, each with ours and how its value becomes ours."""

_KIBIBYTE = 1024


def translate(draft: Draft, profile: dict[str, Any], values: Mapping[str, Any], keys: Keys) -> None:
    """Put values into a profile under our keys; a key that is not among these stays as it is."""
    said: dict[str, str] = {}
    for key in values:
        ours, convert = keys.get(key, (key, as_it_is))
        at = At(values, key)
        first = said.setdefault(ours, key)
        if first != key:
            draft.problem("duplicate-key", f"{key!r} says again what {first!r} says", at, "keep one", key=True)
        elif at.value is not None:
            convert(draft, profile, ours, at)


def as_it_is(draft: Draft, profile: dict[str, Any], key: str, at: At) -> None:
    """Put in the very value."""
    draft.take(profile, key, at)


def tasks(draft: Draft, profile: dict[str, Any], key: str, at: At) -> None:
    """Put in a list of tasks; `*` and `all` are all there are, as where the key is left out."""
    if at.value not in ("*", "all"):
        draft.take(profile, key, at)


def kibibytes(draft: Draft, profile: dict[str, Any], key: str, at: At) -> None:
    """Put in an amount of memory: Celery counts in KiB where no unit is written."""
    if isinstance(at.value, int) and not isinstance(at.value, bool):
        draft.put(profile, key, at.value * _KIBIBYTE, at)
    else:
        draft.take(profile, key, at)


def bounds(draft: Draft, profile: dict[str, Any], key: str, at: At) -> None:
    """Put in bounds of autoscaling: as a mapping, or as Celery takes them, most and least, in whichever order."""
    if key in profile:
        draft.problem("duplicate-key", f"{at.step!r} says again what is said before", at, "keep one", key=True)
        return
    pair = at.value.split(",") if isinstance(at.value, str) else at.value
    numbers = [_number(part) for part in pair] if isinstance(pair, list) else []
    if not 0 < len(numbers) < 3 or None in numbers or (len(numbers) == 1 and pair is at.value):  # noqa: PLR2004 - a pair
        draft.take(profile, key, at)
        return
    least, most = sorted([*numbers, 0][:2])
    made = draft.mapping()
    draft.put(made, "min", least, at)
    draft.put(made, "max", most, at)
    draft.put(profile, key, made, at)


def _number(part: Any) -> Any:
    if isinstance(part, str):
        part = part.strip()
        return int(part) if part.isdecimal() and part.isascii() and len(part) < 10 else None  # noqa: PLR2004 - enough
    return part if isinstance(part, int) and not isinstance(part, bool) else None


def bound(which: str) -> Convert:
    """Give how one of two keys that each hold a bound is put in."""

    def convert(draft: Draft, profile: dict[str, Any], _: str, at: At) -> None:
        if "autoscale" not in profile:
            draft.put(profile, "autoscale", draft.mapping(), at, named=True)
        both = profile["autoscale"]
        if not isinstance(both, dict) or which in both:
            hint = "keep one"
            draft.problem("duplicate-key", f"{at.step!r} says again what 'autoscale' says", at, hint, key=True)
        else:
            draft.take(both, which, at)

    return convert


_AMOUNTS = ("limits", "requests")
_RESOURCES = ("memory", "cpu")
_UNCOUNTED = {"ephemeral-storage", "storage", "pods", "claims"}


def resources(draft: Draft, profile: dict[str, Any], key: str, at: At) -> None:
    """Put in what a worker takes; of Kubernetes' limits and requests, the limit where there is one."""
    if not isinstance(at.value, dict) or at.value.keys() <= set(_RESOURCES):
        draft.take(profile, key, at)
        return
    made = draft.mapping()
    for amount in sorted(at.value, key=lambda name: name != "limits"):
        inner = At(at.value, amount)
        if amount in _AMOUNTS:
            _amount(draft, made, inner)
        else:
            _resource(draft, made, inner, (*_RESOURCES, *_AMOUNTS))
    draft.put(profile, key, made, at)


def _amount(draft: Draft, made: dict[str, Any], at: At) -> None:
    if isinstance(at.value, dict):
        for name in at.value:
            _resource(draft, made, At(at.value, name), _RESOURCES)
    elif at.value is not None:
        draft.problem("bad-value", f"{at.step} is not a mapping", at, f"for example {at.step}: {{memory: 8Gi}}")


def _resource(draft: Draft, made: dict[str, Any], at: At, known: tuple[str, ...]) -> None:
    name = str(at.step)
    if name in _RESOURCES:
        if name not in made and at.value is not None:
            draft.take(made, name, at)
    elif not (name in _UNCOUNTED or "/" in name or name.startswith("hugepages-")):
        draft.problem("unknown-key", f"unknown key {name!r}", at, did_you_mean(name, known), key=True)


COMMON: Keys = {
    "description": ("about", as_it_is),
    "prefetch_multiplier": ("prefetch", as_it_is),
    "tasks": ("tasks", tasks),
    "autoscale": ("autoscale", bounds),
    "resources": ("resources", resources),
}
"""What may stand in any of the shapes."""
