"""What may differ between two versions of a contract, and how much it matters."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a difference matters; the greater the worse."""

    HARMLESS = 0
    """Every call is run as it was meant."""
    DEPENDS = 1
    """A call is run as it was meant if it leaves the parameter out."""
    BREAKING = 2
    """Some or all calls are refused, lose something or are taken for something else."""

    @property
    def word(self) -> str:
        """The name for people and for JSON."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference in a sentence: of a parameter, or, `parameter` None, of the name, the result or the whole."""

    severity: Severity
    parameter: str | None
    told: str

    def __str__(self) -> str:
        return self.told if self.parameter is None else f"{self.parameter}: {self.told}"
