"""Where the broker and the results are: as the file says, else as the environment does, else as the app itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from allotment.errors import SettingsOverridden, VariableInvalid
from allotment.model.address import NO_RESULTS, Address, address, leads_somewhere, without_secrets
from allotment.source.broker_environment import broker_from_environment
from allotment.source.fleet_file import FleetFile

BROKER_VARIABLE = "BROKER_URL"
RESULT_VARIABLE = "RESULT_URL"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the environment names; None: nothing."""

    broker: Address | None = None
    results: Address | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Addresses":
        """Read them. Raises VariableInvalid, which repeats no secret."""
        broker = broker_from_environment(environment)
        return cls(None if broker is None else Address(broker), _results(environment.get(RESULT_VARIABLE)))


def _results(url: str | None) -> Address | None:
    if not url:
        return None
    found = Address(url)
    try:
        address(url)
    except ValueError as error:
        raise VariableInvalid(f"{RESULT_VARIABLE} is not an address: {error}", hint=_HINT) from None
    if not (found.embedded or url == NO_RESULTS or leads_somewhere(url)):
        raise VariableInvalid(f"{RESULT_VARIABLE} is not an address", hint=_HINT)
    return found


_HINT = "write scheme://host:port/name, embedded or none"


def with_addresses(file: FleetFile, environment: Mapping[str, str]) -> FleetFile:
    """Give the file with the environment's addresses where it names none.

    Raises SettingsOverridden where the environment names another broker or other results than the file, and
    VariableInvalid.
    """
    said = Addresses.of(environment)
    model = file.model
    for key, variable in (("broker", BROKER_VARIABLE), ("results", RESULT_VARIABLE)):
        written: Address | None = getattr(model, key)
        given: Address | None = getattr(said, key)
        if file.document.has((key,)) and written is not None:
            _refuse_other(file, key, written, environment.get(variable))
        elif given is not None:
            model = replace(model, broker=given) if key == "broker" else replace(model, results=given)
    return replace(file, model=model)


def led_by_app(file: FleetFile) -> FleetFile:
    """Give the file without the embedded broker that it stands for where it names neither a broker nor an app.

    It is for an app that is named beside it and has a broker of its own.
    """
    model = file.model
    broker = model.broker if file.document.has(("broker",)) else None
    results = model.results if file.document.has(("results",)) else None
    return replace(file, model=replace(model, broker=broker, results=results))


def _refuse_other(file: FleetFile, key: str, written: Address, given: str | None) -> None:
    if given and given != written.value:
        variable = BROKER_VARIABLE if key == "broker" else RESULT_VARIABLE
        raise SettingsOverridden(
            f"{variable} is {without_secrets(given)}, and {file.path.name} says {key}: {written.shown}",
            hint=f"unset {variable}, or write {key}: ${{{variable}}} in the file, so that programs that send agree",
        )
