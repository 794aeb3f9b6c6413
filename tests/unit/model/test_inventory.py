"""The tasks of an app, as one process hands them to another."""

from allotment.model.inventory import Inventory
from allotment.model.task import BeatEntry, KnownTask

INVENTORY = Inventory(
    (KnownTask("shop.mail", "shop.mail", "mail"), KnownTask("shop.pay")),
    {"shop.mail": "shop.mail", "shop.pay": None, "shop.video": "shop.video"},
    {"shop.video": "No module named 'av'"},
    (BeatEntry("nightly", "shop.mail", "mail"), BeatEntry("hourly", "shop.pay")),
    routers=("by_size",),
)


def test_only_listed_modules_are_imported_for_tasks() -> None:
    assert INVENTORY.modules_for(["shop.mail", "shop.pay", "shop.unheard"]) == {"shop.mail"}
    assert INVENTORY.modules_for([]) == set()


def test_what_is_written_is_read_again() -> None:
    assert Inventory.from_json(INVENTORY.to_json()) == INVENTORY
