"""The tasks an app has and the modules that hold them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from allotment.model.profile import Profile
from allotment.model.settings import AppSettings
from allotment.model.task import BeatEntry, KnownTask


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A contract that an app imports and has no code for: its queue, what is wrong with running it, and the remedy."""

    queue: str
    message: str
    hint: str

    def included_by(self, profile: Profile, task: str) -> bool:
        """Say whether a profile includes the contract: by the task's name, or, where it takes all, by the queue."""
        return profile.selects(task) and (profile.tasks is not None or self.queue in profile.queues)


@dataclass(frozen=True)
class Inventory:
    """The tasks of an app, the listed module to import for each (None: the app's own), and modules that failed.

    `failed` gives the error of each module that could not be imported; its tasks were read from its source. `chords_in`
    are the modules that use Celery's chord, `placeholders` the contracts without code. `follows` is the fleet file that
    the app's own module makes it follow, empty where that is a plan of its tasks alone, None where it does neither.
    `broker` is where its settings send, without secrets; `routers` are the functions in its `task_routes`, which no
    plan asks. `celery_app` is what `celery -A` takes for the app, None where no module has it under a name.
    """

    tasks: tuple[KnownTask, ...]
    listed_in: Mapping[str, str | None]
    failed: Mapping[str, str]
    beat: tuple[BeatEntry, ...] = ()
    settings: AppSettings = field(default_factory=AppSettings)
    chords_in: tuple[str, ...] = ()
    placeholders: Mapping[str, Placeholder] = field(default_factory=dict)
    follows: str | None = None
    broker: str | None = None
    routers: tuple[str, ...] = ()
    celery_app: str | None = None

    def modules_for(self, names: Iterable[str]) -> frozenset[str]:
        """Give the listed modules that must be imported to register these tasks."""
        return frozenset(module for name in names if (module := self.listed_in.get(name)) is not None)

    def to_json(self) -> str:
        """Write it for another process."""
        tasks = [
            [task.name, task.module, task.app_queue, dict(task.attributes), task.parameters] for task in self.tasks
        ]
        beat = [[entry.name, entry.task, entry.queue, entry.zone, entry.hint] for entry in self.beat]
        return json.dumps(
            {
                "tasks": tasks,
                "listed_in": dict(self.listed_in),
                "failed": dict(self.failed),
                "beat": beat,
                "settings": [dict(self.settings.values), list(self.settings.unknown)],
                "chords_in": list(self.chords_in),
                "placeholders": {name: [one.queue, one.message, one.hint] for name, one in self.placeholders.items()},
                "follows": self.follows,
                "broker": self.broker,
                "routers": list(self.routers),
                "celery_app": self.celery_app,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Inventory":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        tasks = tuple(
            KnownTask(name, module, queue, attributes, None if parameters is None else tuple(parameters))
            for name, module, queue, attributes, parameters in values["tasks"]
        )
        beat = tuple(BeatEntry(*entry) for entry in values["beat"])
        settings, unknown = values["settings"]
        return cls(
            tasks,
            values["listed_in"],
            values["failed"],
            beat,
            AppSettings(settings, tuple(unknown)),
            tuple(values["chords_in"]),
            {name: Placeholder(*one) for name, one in values["placeholders"].items()},
            values["follows"],
            values["broker"],
            tuple(values["routers"]),
            values["celery_app"],
        )
