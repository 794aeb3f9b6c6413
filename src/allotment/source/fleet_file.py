"""A fleet file to the model, with every problem at its line."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.model import address
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.names import did_you_mean
from allotment.model.node import Node
from allotment.model.preset import PRESET_QUEUES, PRESETS
from allotment.model.profile import Autoscale, Profile, Resources
from allotment.model.quantities import show_duration
from allotment.model.queue import Queue
from allotment.model.requirements import NO_REQUIREMENTS, Requirements
from allotment.model.task import TaskEntry
from allotment.source.document import MOST_BYTES, Document, Path, read_document
from allotment.source.keys import FLEET, mounts
from allotment.source.kinds import Rejected

USUAL_NAME = "fleet.yaml"


@dataclass(frozen=True)
class FleetFile:
    """A fleet file that has been read: its path, its text with places, and the model."""

    path: FilePath
    document: Document
    model: FleetModel


def read_fleet_file(path: FilePath, environment: Mapping[str, str] | None = None) -> FleetFile:
    """Read a fleet file; `environment` stands in for the process's own. Raises FileInvalid."""
    shown = str(path)
    text = _text_of(path)
    document = read_document(text, shown, os.environ if environment is None else environment)
    return FleetFile(path.resolve(), document, _model(document))


def _text_of(path: FilePath) -> str:
    shown = str(path)
    try:
        if path.is_dir():
            raise _unreadable("file-missing", f"{shown} is a folder", f"name the file: {path / USUAL_NAME}")
        if path.stat().st_size > MOST_BYTES:
            raise _unreadable(
                "file-too-large", f"{shown} is larger than a fleet file may be", f"at most {MOST_BYTES} bytes"
            )
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        near = did_you_mean(path.name, _yaml_files(path.parent), otherwise="")
        hint = near or "name another with --fleet FILE, or start one: see `allot schema` for its keys"
        raise _unreadable("file-missing", f"there is no file {shown}", hint) from None
    except PermissionError:
        raise _unreadable("file-unreadable", f"{shown} may not be read", "check its owner and mode") from None
    except OSError as error:
        raise _unreadable(
            "file-unreadable", f"{shown} cannot be read: {error.strerror}", "name another with --fleet FILE"
        ) from None
    except UnicodeDecodeError as error:
        raise _unreadable("yaml-character", f"{shown} is not UTF-8 at byte {error.start}", "save it as UTF-8") from None


def _yaml_files(folder: FilePath) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.suffix in {".yaml", ".yml"}]
    except OSError:
        return []


def _unreadable(code: str, message: str, hint: str) -> FileInvalid:
    return FileInvalid((FileProblem(code, message, hint=hint),))


def _model(document: Document) -> FleetModel:
    if document.root is None:
        problem = FileProblem(
            "file-empty", "the file is empty", where=document.where(()), hint="a fleet needs at least `profiles:`"
        )
        raise FileInvalid((problem,))
    try:
        values = FLEET.read(document.root)
    except Rejected as error:
        found = (
            FileProblem(
                fault.code,
                _named(fault.path, fault.message),
                where=document.where(fault.path, key=fault.code in {"unknown-key", "bad-name"}),
                hint=fault.hint,
            )
            for fault in error.faults
        )
        raise _in_file_order(found) from None
    problems = list(_Checks(document, values).problems())
    if problems:
        raise _in_file_order(problems)
    return _built(document, values)


def _in_file_order(problems: Iterable[FileProblem]) -> FileInvalid:
    return FileInvalid(tuple(sorted(problems, key=lambda problem: problem.where or Where(""))))


def _named(path: Path, message: str) -> str:
    """Put the way to the value before the message, where the message does not say it."""
    inside = path[:-1] if path and message.startswith("unknown key") else path
    way = ".".join(str(step) for step in inside if not isinstance(step, int))
    return f"{way}: {message}" if way else message


@dataclass(frozen=True)
class _Checks:
    """What one value alone cannot show: names that refer to others, limits that belong together."""

    document: Document
    values: Mapping[str, Any]

    def problems(self) -> Iterator[FileProblem]:
        yield from self._profiles()
        yield from self._nodes()
        yield from self._queues()
        yield from self._limits()
        yield from self._addresses()

    def _problem(self, code: str, message: str, path: Path, hint: str | None, *, key: bool = False) -> FileProblem:
        return FileProblem(code, message, where=self.document.where(path, key=key), hint=hint)

    def _profiles(self) -> Iterator[FileProblem]:
        if not self.values["profiles"]:
            yield self._problem(
                "no-profiles", "there is no profile", ("profiles",), "add one: profiles: {all: {queues: [work]}}"
            )
        for name, profile in self.values["profiles"].items():
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
        profiles = self.values["profiles"]
        nodes = self.values.get("nodes", {})
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

    def _consumed(self) -> dict[str, str]:
        """Give each queue that a placed profile consumes, with one such profile."""
        nodes = self.values.get("nodes", {})
        placed = {profile for node in nodes.values() for profile, count in node["workers"].items() if count}
        return {
            queue: name
            for name, profile in self.values["profiles"].items()
            if not nodes or name in placed
            for queue in _queues_of(profile)
        }

    def _queues(self) -> Iterator[FileProblem]:
        consumed = self._consumed()
        declared = self.values.get("queues", {})
        named: list[tuple[str, Path, bool]] = [(queue, ("queues", queue), True) for queue in declared]
        named += [
            (entry["queue"], ("tasks", key, "queue"), False)
            for key, entry in self.values.get("tasks", {}).items()
            if "queue" in entry and entry["queue"] not in declared
        ]
        if "default_queue" in self.values:
            named.append((self.values["default_queue"], ("default_queue",), False))
        for queue, path, at_key in named:
            if queue not in consumed:
                near = did_you_mean(queue, consumed)
                hint = (
                    near + " Else add" if near.startswith("did") else "add"
                ) + " it to the queues of a profile that a node runs"
                yield self._problem(
                    "queue-without-worker", f"no worker consumes the queue {queue!r}", path, hint, key=at_key
                )

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
            if scheme not in schemes or not address.leads_somewhere(value):
                what = repr(address.without_secrets(value))
                yield self._problem(
                    "bad-address",
                    f"{key}: {what} is not an address Allotment can use",
                    (key,),
                    f"use {', '.join((*words, *(scheme + '://' for scheme in schemes)))}",
                )


def _queues_of(profile: Mapping[str, Any]) -> tuple[str, ...]:
    preset = PRESETS.get(profile.get("preset", ""))
    queues: tuple[str, ...] = profile.get("queues", preset.queues if preset else ())
    return queues


def _built(document: Document, values: Mapping[str, Any]) -> FleetModel:
    folder = FilePath(document.file).resolve().parent
    profiles = {name: _profile(name, profile, folder) for name, profile in values["profiles"].items()}
    consumed = {queue for profile in profiles.values() for queue in profile.queues}
    queues = {name: queue for name, queue in PRESET_QUEUES.items() if name in consumed}
    for name, queue in values.get("queues", {}).items():
        queues[name] = replace(queues.get(name, Queue(name)), **queue)
    return FleetModel(
        profiles=profiles,
        queues=queues,
        nodes={name: _node(name, node, folder) for name, node in values.get("nodes", {}).items()},
        entries=tuple(
            TaskEntry(key, **entry | {"requires": _requirements(entry.get("requires"), folder)})
            for key, entry in values.get("tasks", {}).items()
        ),
        app=values.get("app"),
        broker=_address("broker", document, values),
        results=_address("results", document, values),
        default_queue=values.get("default_queue"),
    )


def _address(key: str, document: Document, values: Mapping[str, Any]) -> Address | None:
    value = values.get(key)
    if value is None:
        return None if "app" in values else Address(address.EMBEDDED)
    return Address(value, document.as_written((key,)))


def _profile(name: str, values: Mapping[str, Any], folder: FilePath) -> Profile:
    values = dict(values)
    preset = PRESETS.get(values.pop("preset", ""))
    if "autoscale" in values:
        values["autoscale"] = Autoscale(values["autoscale"]["min"], values["autoscale"]["max"])
    if "resources" in values:
        values["resources"] = Resources(**values["resources"])
    if "requires" in values:
        values["requires"] = _requirements(values["requires"], folder)
    base = replace(preset, name=name) if preset else Profile(name, ())
    return replace(base, **values)


def _requirements(values: Mapping[str, Any] | None, folder: FilePath) -> Requirements:
    if not values:
        return NO_REQUIREMENTS
    found = tuple(replace(mount, path=str(folder / mount.path)) for mount in mounts(values.get("mounts", ())))
    return Requirements(found, values.get("imports", ()), values.get("labels", ()))


def _node(name: str, values: Mapping[str, Any], folder: FilePath) -> Node:
    values = dict(values)
    workers = {profile: count for profile, count in values.pop("workers").items() if count}
    if "mounts" in values:
        values["mounts"] = tuple(str(folder / path) for path in values["mounts"])
    return Node(name, workers, **values)
