"""What a workload gives: figures, each the median of its runs, with a target where one was promised."""

from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be: at most `most`, and not under `least` where that is given."""

    most: float
    least: float | None = None

    def met_by(self, value: float) -> bool:
        """Say whether the value, not rounded, keeps to the target."""
        return value <= self.most and (self.least is None or value >= self.least)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing; `runs` holds every single measurement behind `value`."""

    name: str
    unit: str
    value: float
    runs: tuple[float, ...]
    target: Target | None = None

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the runs: from the lower quartile to the upper."""
        if len(self.runs) < 2:
            return self.value, self.value
        lower, _, upper = quantiles(self.runs, n=4, method="inclusive")
        return lower, upper

    @property
    def verdict(self) -> str:
        """`met`, `MISSED`, or nothing where nothing was promised."""
        if self.target is None:
            return ""
        return "met" if self.target.met_by(self.value) else "MISSED"


def timed(name: str, seconds: list[float], target: Target | None = None) -> Figure:
    """Give the figure of something that was timed several times."""
    return Figure(name, "s", median(seconds), tuple(seconds), target)


def compared(name: str, seconds: list[float], base: list[float], target: Target | None = None) -> Figure:
    """Give how many times as long something takes as something else; the runs of both were made in turn."""
    ratios = tuple(one / other for one, other in zip(seconds, base, strict=True))
    return Figure(name, "×", median(seconds) / median(base), ratios, target)


def counted(name: str, count: float) -> Figure:
    """Give the figure of something that was counted, not timed."""
    return Figure(name, "", count, (count,))
