"""Durations, memory and processor shares as people write them: `1h`, `8Gi`, `500m`."""

import re

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)"
_MEMORY_UNITS = {
    "": 1,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_MEMORY = r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|k|K|M|G|T|)B?"
_CPU = r"([0-9]+(?:\.[0-9]+)?)(m?)"
_LONGEST = 32


def duration(value: object) -> float:
    """Read seconds from `90`, `1h`, `1h30m` or `250ms`. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = _float(value)
    else:
        text = _text(value, "a duration", "1h30m or 90s")
        parts = re.findall(_DURATION, text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{text!r} is not a duration: write 1h30m, 90s or a number of seconds")
        seconds = sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{value!r} is not a duration: it must be more than nothing")
    return seconds


def memory(value: object) -> int:
    """Read bytes from `8Gi`, `512Mi`, `2G` or a number of bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        amount = value
    else:
        text = _text(value, "an amount of memory", "8Gi or 512Mi")
        match = re.fullmatch(_MEMORY, text)
        if not match:
            raise ValueError(f"{text!r} is not an amount of memory: write 8Gi, 512Mi or a number of bytes")
        amount = int(float(match[1]) * _MEMORY_UNITS[match[2]])
    if amount <= 0:
        raise ValueError(f"{value!r} is not an amount of memory: it must be more than nothing")
    return amount


def cpu(value: object) -> float:
    """Read processor cores from `4`, `0.5` or `500m`. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        cores = _float(value)
    else:
        text = _text(value, "a number of cores", "4, 0.5 or 500m")
        match = re.fullmatch(_CPU, text)
        if not match:
            raise ValueError(f"{text!r} is not a number of cores: write 4, 0.5 or 500m")
        cores = float(match[1]) / (1000 if match[2] else 1)
    if not 0 < cores < float("inf"):
        raise ValueError(f"{value!r} is not a number of cores: it must be more than nothing")
    return cores


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")


def _text(value: object, what: str, example: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} is not {what}: write {example}")  # noqa: TRY004 - a user's value
    if len(value) > _LONGEST:
        raise ValueError(f"{value[:_LONGEST] + '…'!r} is not {what}: write {example}")
    return value


def counted(number: int, singular: str) -> str:
    """Write a count with its noun: `1 worker`, `2 workers`."""
    return f"{number} {singular}" if number == 1 else f"{number} {singular}s"


def show_duration(seconds: float) -> str:
    """Write seconds as people do: `1h30m`, `90` as `1m30s`, `0.25` as `250ms`."""
    parts = []
    rest = round(seconds * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def show_memory(amount: int) -> str:
    """Write bytes with the largest binary unit that divides them well: `8Gi`, `1.5Gi`, `512Mi`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        size = _MEMORY_UNITS[unit]
        if amount >= size:
            return f"{amount / size:g}{unit}" if amount * 100 % size == 0 else f"{amount / size:.2f}{unit}"
    return str(amount)


def show_cpu(cores: float) -> str:
    """Write cores as a plain number: `4`, `0.5`."""
    return f"{cores:g}"
