"""The rules there are: every module in the folder `catalogue`."""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from allotment.errors import UnknownName
from allotment.model.names import did_you_mean
from allotment.rules import catalogue
from allotment.rules.rule import Rule


@cache
def every_rule() -> tuple[Rule, ...]:
    """Give every rule, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(catalogue.__path__))
    return tuple(_rule(importlib.import_module(f"{catalogue.__name__}.{name}")) for name in names)


def _rule(module: ModuleType) -> Rule:
    own = module.__name__.rpartition(".")[2]
    return Rule(
        name=own.replace("_", "-"),
        summary=(module.__doc__ or "").partition("\n")[0],
        severity=module.SEVERITY,
        confidence=module.CONFIDENCE,
        check=module.check,
        page=Path(module.__file__ or "").with_suffix(".md"),
        last=getattr(module, "LAST", False),
        proof=getattr(module, "PROOF", False),
    )


def rule_named(name: str) -> Rule:
    """Give the rule of this name. Raises UnknownName."""
    rules = {rule.name: rule for rule in every_rule()}
    if name not in rules:
        raise UnknownName(
            f"there is no rule {name!r}", hint=did_you_mean(name, rules, otherwise="see `allot docs rule`")
        )
    return rules[name]


def selected(select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule, ...]:
    """Give the rules named, or all where none is, without those to ignore. Raises UnknownName."""
    wanted = {rule_named(name).name for name in select}
    unwanted = {rule_named(name).name for name in ignore}
    return tuple(rule for rule in every_rule() if (not wanted or rule.name in wanted) and rule.name not in unwanted)
