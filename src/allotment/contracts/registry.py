"""The contracts that this process has imported, by their names."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allotment.errors import ContractInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allotment.contracts.contract import Contract

_DEFINED: "dict[str, Contract[Any, Any]]" = {}


def defined() -> "Mapping[str, Contract[Any, Any]]":
    """Give every contract that was defined by now."""
    return MappingProxyType(_DEFINED)


def add(contract: "Contract[Any, Any]") -> None:
    """Note a contract. A module imported anew defines its own again; raises ContractInvalid for another's name."""
    other = _DEFINED.get(contract.name)
    if other is not None and other.place != contract.place:
        raise ContractInvalid(
            f"there are two contracts named {contract.name!r}: {other.place} and {contract.place}",
            hint="a name is the task's name at the broker: give one of them another",
        )
    _DEFINED[contract.name] = contract
