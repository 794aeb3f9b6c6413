"""A task that kills the process that runs it, each time."""

from allotment.testing.faults.case import Case
from allotment.testing.faults.scene import LEFT, PATIENCE, Scene
from allotment.testing.faults.workload.fleet import POISON_LIMIT


def poison(scene: Scene) -> None:
    """Send one poisonous task among harmless ones: it runs so often, and is set aside; the others run."""
    before = scene.fleet.worker(LEFT)
    scene.fault()
    (poisonous,) = scene.sent("left.poison")
    scene.may_be_set_aside(poisonous)
    scene.sent(count=60)

    def set_aside() -> bool:
        return any(letter.id == poisonous for letter in scene.broker.dead_letters())

    most = POISON_LIMIT + 1
    scene.until(lambda: scene.ledger.read().effects(poisonous) > most or set_aside(), PATIENCE)
    runs = scene.ledger.read().effects(poisonous)
    scene.landed(f"it killed {runs} processes", seen=runs > 0)
    scene.expect(f"it runs at most {most} times", f"{runs} times", holds=0 < runs <= most)
    letter = next((one for one in scene.broker.dead_letters() if one.id == poisonous), None)
    reason = letter.reason if letter else "it is not in allotment.dead"
    scene.expect("it is set aside as delivered too often", reason, holds=reason == "delivered-too-often")
    scene.untouched(before, LEFT)


CASES = (Case("F3", "poison: a task that always kills its process", poison, short=("rabbitmq-quorum", "redis")),)
