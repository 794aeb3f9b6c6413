"""The workloads there are: every module of the folder `workloads`.

A workload's name is its file's name. Its docstring says what it measures, and its function `measure` gives the figures.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks import workloads
from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload: its name, what it measures in a line, and how."""

    name: str
    about: str
    measure: Callable[[], Iterable[Figure]]

    def answers_to(self, name: str) -> bool:
        """Say whether this is its name, or the number before it: `w7` for `w7_plan`."""
        return name in {self.name, self.name.partition("_")[0]}


def all_workloads() -> list[Workload]:
    """Find every workload, in the order of their numbers."""
    names = [module.name for module in pkgutil.iter_modules(workloads.__path__)]
    return [_load(name) for name in sorted(names, key=_in_order)]


def _in_order(name: str) -> tuple[int, str]:
    number = re.search(r"\d+", name)
    return int(number[0]) if number else 0, name


def _load(name: str) -> Workload:
    module = importlib.import_module(f"benchmarks.workloads.{name}")
    return Workload(name, (module.__doc__ or "").partition("\n")[0], module.measure)
