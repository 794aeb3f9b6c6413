"""The values of a fleet file, read and checked, to the model."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from allotment.model import address
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.idempotency import Idempotency
from allotment.model.kind import Kind, ResourceRouting
from allotment.model.node import Node
from allotment.model.preset import PRESET_QUEUES, PRESETS
from allotment.model.profile import Autoscale, Profile, Resources
from allotment.model.publishing import Publishing
from allotment.model.queue import DeadLetters, Queue
from allotment.model.requirements import NO_REQUIREMENTS, Requirements
from allotment.model.task import TaskEntry
from allotment.source.document import Document
from allotment.source.keys import mounts


def build(document: Document, values: Mapping[str, Any]) -> FleetModel:
    """Give the model of values that `keys.FLEET` has read and `Checks` found nothing against."""
    folder = Path(document.file).resolve().parent
    profiles = {name: _profile(name, profile, folder) for name, profile in values["profiles"].items()}
    of_presets = {queue for profile in profiles.values() if profile.preset for queue in profile.queues}
    queues = {name: queue for name, queue in PRESET_QUEUES.items() if name in of_presets}
    for name, queue in values.get("queues", {}).items():
        queues[name] = replace(queues.get(name, Queue(name)), **queue)
    return FleetModel(
        profiles=profiles,
        queues=queues,
        nodes={name: _node(name, node, folder) for name, node in values.get("nodes", {}).items()},
        entries=tuple(_entry(key, entry, folder) for key, entry in values.get("tasks", {}).items()),
        app=values.get("app"),
        broker=_address("broker", document, values),
        results=_address("results", document, values),
        default_queue=values.get("default_queue"),
        routing=_routing(values.get("route_by_resource")),
        visibility_timeout=values.get("visibility_timeout"),
        consumer_timeout=values.get("consumer_timeout"),
        dead_letters=DeadLetters(**values.get("dead_letters", {})),
        publish=Publishing(**values.get("publish", {})),
        settings=values.get("settings", {}),
    )


def _entry(key: str, values: Mapping[str, Any], folder: Path) -> TaskEntry:
    values = dict(values)
    if "idempotent" in values:
        values["idempotent"] = Idempotency.by(**values["idempotent"])
    if "requires" in values:
        values["requires"] = _requirements(values["requires"], folder)
    return TaskEntry(key, **values)


def _routing(values: Mapping[str, Any] | None) -> ResourceRouting | None:
    if values is None:
        return None
    return ResourceRouting(
        {kind: values[kind] for kind in Kind if kind in values},
        values.get("argument"),
        {Kind(kind): words for kind, words in values.get("words", {}).items()},
    )


def _address(key: str, document: Document, values: Mapping[str, Any]) -> Address | None:
    value = values.get(key)
    if value is not None:
        return Address(value, document.as_written((key,)))
    follows = "app" in values or (key == "results" and values.get("broker") is not None)
    return None if follows else Address(address.EMBEDDED)


def _profile(name: str, values: Mapping[str, Any], folder: Path) -> Profile:
    values = dict(values)
    preset = PRESETS.get(values.pop("preset", ""))
    if "autoscale" in values:
        values["autoscale"] = Autoscale(values["autoscale"]["min"], values["autoscale"]["max"])
    if "resources" in values:
        values["resources"] = Resources(**values["resources"])
    if "requires" in values:
        values["requires"] = _requirements(values["requires"], folder)
    base = replace(preset, name=name) if preset else Profile(name, ())
    if "concurrency" in values:
        base = replace(base, autoscale=None)
    return replace(base, **values)


def _requirements(values: Mapping[str, Any] | None, folder: Path) -> Requirements:
    if not values:
        return NO_REQUIREMENTS
    found = tuple(replace(mount, path=str(folder / mount.path)) for mount in mounts(values.get("mounts", ())))
    return Requirements(found, values.get("imports", ()), values.get("labels", ()))


def _node(name: str, values: Mapping[str, Any], folder: Path) -> Node:
    values = dict(values)
    workers = {profile: count for profile, count in values.pop("workers").items() if count}
    if "mounts" in values:
        values["mounts"] = tuple(str(folder / path) for path in values["mounts"])
    return Node(name, workers, **values)
