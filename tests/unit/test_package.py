"""What an installed package must hold besides its modules."""

from importlib.resources import files


def test_type_checkers_are_told_that_the_package_has_types() -> None:
    assert (files("allotment") / "py.typed").is_file()
