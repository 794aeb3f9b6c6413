"""Nothing is written outside the state folder, wherever a link in its place leads."""

from pathlib import Path

import pytest

from allotment.errors import FileInvalid
from allotment.local.state import StateFolder, write_whole


@pytest.mark.parametrize("link", [".allotment", ".allotment/fleet.yaml"])
def test_a_link_in_the_place_of_the_folder_is_refused(link: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fleet = tmp_path / "project" / "fleet.yaml"
    (fleet.parent / link).parent.mkdir(parents=True)
    (fleet.parent / link).symlink_to(elsewhere)
    with pytest.raises(FileInvalid, match="is a link"):
        StateFolder.of(fleet, {}).made()
    assert not list(elsewhere.iterdir())


def test_a_link_in_the_place_of_the_file_aside_is_not_written_through(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.write_text("theirs")
    (tmp_path / "state.json.new").symlink_to(stranger)
    with pytest.raises(OSError, match="symbolic"):
        write_whole(tmp_path / "state.json", "ours")
    assert stranger.read_text() == "theirs"


def test_a_link_in_the_place_of_the_file_is_replaced(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.write_text("theirs")
    (tmp_path / "state.json").symlink_to(stranger)
    write_whole(tmp_path / "state.json", "ours")
    assert (stranger.read_text(), (tmp_path / "state.json").read_text()) == ("theirs", "ours")
