"""What one value of a fleet file alone cannot show: names that refer to others, values that belong together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.errors import FileProblem
from allotment.model import address
from allotment.model.names import did_you_mean
from allotment.model.preset import PRESETS
from allotment.model.quantities import show_duration
from allotment.model.queue import ExchangeType, QueueType
from allotment.source.document import Document, Path
from allotment.source.keys import MOST_WORKERS

DECIDED_BY_THE_FLEET = {
    "broker_url": "broker",
    "broker_read_url": "broker",
    "broker_write_url": "broker",
    "result_backend": "results",
    "task_queues": "queues",
    "task_routes": "tasks",
    "task_default_queue": "default_queue",
    "task_create_missing_queues": None,
    "worker_consumer": None,
    "worker_detect_quorum_queues": None,
}
"""Celery settings that follow from the file, each with the key that says it; None: nothing may say otherwise."""

OF_MAPPINGS = frozenset({"broker_transport_options", "result_backend_transport_options"})
"""Settings whose values are mappings, to which Allotment adds its own."""

MOST_VALUES = 10_000
MOST_STEPS = 32
"""How many values one setting may have, and how deep."""

_ARGUMENT_OF_KEY = {
    "x-max-length": "max_length",
    "x-overflow": "when_full",
    "x-max-priority": "max_priority",
    "x-queue-type": "type",
    "x-delivery-limit": "delivery_limit",
    "x-dead-letter-exchange": "dead_letter",
    "x-dead-letter-routing-key": "dead_letter",
}


@dataclass(frozen=True)
class Checks:
    """What one value alone cannot show: names that refer to others, limits that belong together."""

    document: Document
    values: Mapping[str, Any]

    def problems(self) -> Iterator[FileProblem]:
        """Give everything wrong, section by section."""
        yield from self._profiles()
        yield from self._nodes()
        yield from self._queues()
        yield from self._settings()
        yield from self._limits()
        yield from self._addresses()

    def _problem(self, code: str, message: str, path: Path, hint: str | None, *, key: bool = False) -> FileProblem:
        return FileProblem(code, message, where=self.document.where(path, key=key), hint=hint)

    def _profiles(self) -> Iterator[FileProblem]:
        profiles = self.values.get("profiles", {})
        if not profiles:
            yield self._problem(
                "no-profiles", "there is no profile", ("profiles",), "add one: profiles: {all: {queues: [work]}}"
            )
        for name, profile in profiles.items():
            preset = PRESETS.get(profile.get("preset", ""))
            if not profile.get("queues", preset.queues if preset else ()):
                yield self._problem(
                    "no-queues",
                    f"profile {name!r} consumes no queue",
                    ("profiles", name),
                    "name its queues: a worker without them would consume Celery's default queue",
                    key=True,
                )
            bounds = profile.get("autoscale")
            if bounds and bounds["min"] > bounds["max"]:
                yield self._problem(
                    "bad-value",
                    f"profile {name!r} scales from {bounds['min']} up to {bounds['max']}",
                    ("profiles", name, "autoscale"),
                    "min must not be over max",
                )

    def _nodes(self) -> Iterator[FileProblem]:
        profiles = self.values.get("profiles", {})
        nodes = self.values.get("nodes", {})
        workers = sum(sum(node["workers"].values()) for node in nodes.values())
        if workers > MOST_WORKERS:
            hint = f"at most {MOST_WORKERS}: give a worker more places (concurrency), or make several fleets"
            yield self._problem("bad-value", f"the nodes run {workers} workers", ("nodes",), hint, key=True)
        for name, node in nodes.items():
            for profile in node["workers"]:
                if profile not in profiles:
                    yield self._problem(
                        "unknown-profile",
                        f"node {name!r} runs profile {profile!r}, which is not there",
                        ("nodes", name, "workers", profile),
                        did_you_mean(profile, profiles, otherwise="add it under `profiles:`"),
                        key=True,
                    )

    def _queues(self) -> Iterator[FileProblem]:
        types: dict[str, tuple[str, ExchangeType]] = {}
        for name, queue in self.values.get("queues", {}).items():
            path = ("queues", name)
            exchange = queue.get("exchange", name)
            kind = queue.get("exchange_type", ExchangeType.DIRECT)
            first, first_kind = types.setdefault(exchange, (name, kind))
            if kind is not first_kind:
                yield self._problem(
                    "bad-value",
                    f"the exchange {exchange!r} is {kind} here and {first_kind} for the queue {first!r}",
                    (*path, "exchange_type"),
                    "an exchange has one type: give one of the two queues an exchange of its own",
                )
            if queue.get("dead_letter") == name:
                yield self._problem(
                    "bad-value",
                    f"the queue {name!r} is its own dead letter queue",
                    (*path, "dead_letter"),
                    "name another",
                )
            yield from self._kinds_of_queues(name, queue, path)
            yield from self._arguments(queue, path)

    def _kinds_of_queues(self, name: str, queue: Mapping[str, Any], path: Path) -> Iterator[FileProblem]:
        quorum = queue.get("type") is QueueType.QUORUM
        if quorum and queue.get("durable") is False:
            hint = "remove durable: false, or make it a classic queue"
            yield self._problem(
                "bad-value", f"the quorum queue {name!r} cannot but be durable", (*path, "durable"), hint
            )

    def _arguments(self, queue: Mapping[str, Any], path: Path) -> Iterator[FileProblem]:
        for argument in queue.get("arguments", {}):
            key = _ARGUMENT_OF_KEY.get(argument)
            if key is not None and key in queue:
                yield self._problem(
                    "bad-value",
                    f"{argument!r} says again what {key} says",
                    (*path, "arguments", argument),
                    f"keep {key} alone",
                    key=True,
                )

    def _settings(self) -> Iterator[FileProblem]:
        for name in self.values.get("settings", {}):
            if name in DECIDED_BY_THE_FLEET:
                key = DECIDED_BY_THE_FLEET[name]
                hint = f"say it with `{key}:`" if key else "remove it"
                yield self._problem(
                    "setting-decided", f"{name} follows from the fleet", ("settings", name), hint, key=True
                )
            else:
                yield from self._setting(name)

    def _setting(self, name: str) -> Iterator[FileProblem]:
        """Walk through a setting's value, which aliases may make larger than the file, and no further than is sane."""
        path = ("settings", name)
        waiting: list[Path] = [path]
        for count, inner in enumerate(waiting):
            value = self.document.value(inner)
            if self.document.as_written(inner) is not None:
                yield self._problem(
                    "setting-reference",
                    f"the setting {name} takes no value from the environment",
                    path,
                    "set it in the app, where no file is written from it",
                    key=True,
                )
                return
            if count > MOST_VALUES or len(inner) > MOST_STEPS:
                hint = "aliases make a value of many; set it in the app"
                yield self._problem("bad-value", f"the setting {name} is too large", path, hint, key=True)
                return
            steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
            waiting.extend((*inner, step) for step in steps)
        if name in OF_MAPPINGS and not isinstance(self.document.value(path), (dict, type(None))):
            yield self._problem("bad-value", f"the setting {name} is no mapping", path, "write name: value")

    def _limits(self) -> Iterator[FileProblem]:
        for section in ("tasks", "profiles"):
            for name, values in self.values.get(section, {}).items():
                preset = PRESETS.get(values.get("preset", "")) if section == "profiles" else None
                soft = values.get("soft_time_limit", preset and preset.soft_time_limit)
                hard = values.get("time_limit", preset and preset.time_limit)
                if soft is not None and hard is not None and soft >= hard:
                    key = "soft_time_limit" if "soft_time_limit" in values else "time_limit"
                    yield self._problem(
                        "soft-limit-not-under-hard",
                        f"{name!r} is killed after {show_duration(hard)}, its soft limit is {show_duration(soft)}",
                        (section, name, key),
                        "make soft_time_limit shorter than time_limit",
                    )

    def _addresses(self) -> Iterator[FileProblem]:
        for key, schemes, words in (
            ("broker", address.BROKER_SCHEMES, (address.EMBEDDED,)),
            ("results", address.RESULT_SCHEMES, (address.EMBEDDED, address.NO_RESULTS)),
        ):
            value = self.values.get(key)
            if value is None or value in words:
                continue
            scheme = value.partition("://")[0]
            if key == "results" and ";" in value:
                yield self._problem(
                    "bad-address",
                    "results: a list of addresses, of which Celery's result backends take none",
                    (key,),
                    "name one",
                )
            elif scheme not in schemes or not address.leads_somewhere(value):
                what = repr(address.without_secrets(value))
                yield self._problem(
                    "bad-address",
                    f"{key}: {what} is not an address Allotment can use",
                    (key,),
                    f"use {', '.join((*words, *(scheme + '://' for scheme in schemes)))}",
                )
