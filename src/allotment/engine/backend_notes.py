"""What whoever starts a worker is told beside its plan. Importing this module imports no Celery."""

from collections.abc import Iterator

from allotment.model.inventory import Inventory, Placeholder
from allotment.model.names import nearest
from allotment.model.patterns import matches
from allotment.model.task import BUILT_IN_PREFIX
from allotment.plan.plan import Plan


def notes_on_app(inventory: Inventory) -> Iterator[str]:
    """Give what of an app does not count, or not as it seems to."""
    for module, error in inventory.failed.items():
        yield f"{module} cannot be imported here ({error}); its tasks were read from its source"
    if inventory.routers:
        yield (
            f"task_routes of the app has functions ({', '.join(inventory.routers)}), which are not asked: a task goes"
            " where it was registered for or where the mappings of task_routes say"
        )


def notes_on_profiles(plan: Plan, inventory: Inventory, chosen: str | None) -> Iterator[str]:
    """Tell of each name in the chosen profile's tasks, else in any profile's, that is of no task of the app."""
    profiles = plan.model.profiles
    for profile in profiles.values() if chosen is None else (profiles[chosen],):
        for key in profile.tasks or ():
            if not (key.startswith(BUILT_IN_PREFIX) or _names_some(key, plan, inventory)):
                near = nearest(key, plan.tasks)
                yield f"profile {profile.name!r} lists {key!r}, which is no task of the app" + (
                    f"; did you mean {near!r}?" if near else ""
                )


def _names_some(key: str, plan: Plan, inventory: Inventory) -> bool:
    return (
        key in plan.tasks
        or key in inventory.placeholders
        or any(matches(key, name) for known in (plan.tasks, inventory.placeholders) for name in known)
    )


def taken_without_code(inventory: Inventory, consumes: tuple[str, ...]) -> Iterator[tuple[str, Placeholder]]:
    """Give each contract without code whose queue is among those consumed: programs that know no lanes send there."""
    for name, placeholder in inventory.placeholders.items():
        if placeholder.queue in consumes:
            yield name, placeholder
