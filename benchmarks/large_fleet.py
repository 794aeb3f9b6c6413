"""Fleets of any size, always the same for the same size.

Every profile belongs to a team. It registers all tasks of its team, and by patterns or by name some of three other
teams; it consumes its team's queues and some of those teams'. So most queues have consumers that cannot all run
the same tasks, and their lanes split. Some tasks require a module that not every profile has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

MODULES = ("mail", "images", "exports", "reports", "search")
CONSUMERS_OF_SHARED = 10
LARGEST_CHOICE = 3
"""How many profiles can run one task in the fleet with many capability sets."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything."""

    tasks: int
    queues: int = 1_000
    profiles: int = 200
    nodes: int = 1_000

    @property
    def own_queues(self) -> int:
        """How many queues each team has for itself; one more it shares."""
        return self.queues // self.profiles - 1

    def team(self, number: int) -> int:
        """Give a team's number, counting on from the last one with the first."""
        return number % self.profiles


def task_names(size: Size) -> list[str]:
    """Give the names of the tasks: those of each team spread over its modules."""
    return [_task_name(size, number) for number in range(size.tasks)]


def _task_name(size: Size, number: int) -> str:
    team, nth = size.team(number), number // size.profiles
    module = MODULES[nth % len(MODULES)]
    verb = {"exports": "export", "images": "keep" if team % 2 else "show"}.get(module, "run")
    return f"team{team}.{module}.{verb}_{nth}"


def _queue_of(size: Size, team: int, module: str) -> str:
    place = MODULES.index(module)
    return f"team{team}_{place % size.own_queues}" if place < size.own_queues else f"shared{team}"


def _needs_imaging(team: int) -> bool:
    return team % 4 != 3


def by_name(size: Size) -> str:
    """Give the fleet file that has a key for each task."""
    return "\n".join(("broker: embedded", "tasks:", *_named_entries(size), *_rest(size), ""))


def by_pattern(size: Size) -> str:
    """Give the fleet file that has only patterns under `tasks`; it is the same for any number of tasks."""
    return "\n".join(("broker: embedded", "tasks:", *_pattern_entries(size), *_rest(size), ""))


def _settings(size: Size, team: int, module: str) -> str:
    requires = ", requires: {imports: [PIL]}" if module == "images" and _needs_imaging(team) else ""
    return f"{{queue: {_queue_of(size, team, module)}, time_limit: 10m, soft_time_limit: 9m{requires}}}"


def _named_entries(size: Size) -> Iterator[str]:
    for name in task_names(size):
        team, module, _ = name.split(".")
        yield f"  {name}: {_settings(size, int(team.removeprefix('team')), module)}"


def _pattern_entries(size: Size) -> Iterator[str]:
    for team in range(size.profiles):
        for module in MODULES:
            # some begin with the whole module, some have to be tried letter by letter
            pattern = f"team{team}.*s.export_*" if module == "exports" else f"team{team}.{module}.*"
            yield f"  '{pattern}': {_settings(size, team, module)}"


def _rest(size: Size) -> Iterator[str]:
    yield "queues:"
    for team in range(size.profiles):
        for place in range(size.own_queues):
            yield f"  team{team}_{place}: {{exchange: team{team}, routing_key: team{team}.{place}, max_length: 1000}}"
        yield f"  shared{team}: {{max_length: 10000, when_full: drop-oldest}}"
    yield "profiles:"
    for team in range(size.profiles):
        yield from _profile(size, team)
    yield from _nodes(size)


def _profile(size: Size, team: int) -> Iterator[str]:
    images, exports, search, silent = (size.team(team + step) for step in (1, 2, 3, 4))
    own = [f"team{team}_{place}" for place in range(size.own_queues)]
    shared = [f"shared{size.team(team + step)}" for step in range(min(CONSUMERS_OF_SHARED, size.profiles))]
    others = [_queue_of(size, images, "images"), _queue_of(size, exports, "exports"), _queue_of(size, silent, "mail")]
    imaging = "imports: [PIL], " if _needs_imaging(team) else ""
    mounts = "mounts: [/srv/media], " if team % 5 == 0 else ""
    yield f"  team{team}:"
    yield (
        f"    tasks: ['team{team}.*', 'team{images}.images.*', 'team{exports}.*s.export_*', team{search}.search.run_4]"
    )
    yield f"    exclude_tasks: ['team{images}.images.keep_*']"
    yield f"    queues: [{', '.join(dict.fromkeys(own + others + shared))}]"
    yield "    concurrency: 2"
    yield "    resources: {cpu: 500m, memory: 512Mi}"
    yield f"    requires: {{{imaging}{mounts}labels: [ssd]}}"


def _nodes(size: Size) -> Iterator[str]:
    yield "nodes:"
    for number in range(size.nodes):
        first, second = size.team(number), size.team(number * 7 + 1)
        workers = f"team{first}: 2" + (f", team{second}: 1" if second != first else "")
        yield (
            f"  node{number}: {{cpu: 16, memory: 64Gi, zone: zone-{number % 3}, labels: [ssd, rack-{number % 40}], "
            f"mounts: [/srv/media], workers: {{{workers}}}}}"
        )


def many_sets(size: Size, sets: int) -> str:
    """Give a fleet file in which tasks are dealt out by name so that there are this many distinct capability sets."""
    chance = Random(sets)
    choices: dict[frozenset[int], None] = {}
    while len(choices) < sets:
        choices[frozenset(chance.sample(range(size.profiles), LARGEST_CHOICE))] = None
    able = list(choices)
    registered: list[list[str]] = [[] for _ in range(size.profiles)]
    entries = []
    for number, name in enumerate(task_names(size)):
        profiles = sorted(able[number % sets])
        for profile in profiles:
            registered[profile].append(name)
        queue = f"queue{profiles[0] * (size.queues // size.profiles) + number % (size.queues // size.profiles)}"
        entries.append(f"  {name}: {{queue: {queue}}}")
    return "\n".join(("broker: embedded", "tasks:", *entries, *_dealt_profiles(size, registered), *_nodes(size), ""))


def _dealt_profiles(size: Size, registered: list[list[str]]) -> Iterator[str]:
    each = size.queues // size.profiles
    yield "profiles:"
    for team, names in enumerate(registered):
        # its own queues and those of the next team
        queues = [f"queue{(team * each + place) % size.queues}" for place in range(2 * each)]
        yield f"  team{team}: {{tasks: [{', '.join(names)}], queues: [{', '.join(queues)}], concurrency: 2}}"
