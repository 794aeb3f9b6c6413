"""The command `allot`: a table of commands, each imported when it is called.

`allot --help` imports nothing but this table, so that it answers at once.
"""

import sys

from allotment import TYPE_CHECKING, __version__
from allotment.cli.table import help_text

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command line and give its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given in (["--help"], ["-h"], ["help"]):
        sys.stdout.write(help_text())
        return 0
    if given == ["--version"]:
        sys.stdout.write(f"allotment {__version__}\n")
        return 0
    if given[:1] == ["worker"] and "--health-check" in given:
        from allotment.cli.health import quick_check

        code = quick_check(given[1:])
        if code is not None:
            return code
    import gc

    # what is imported now stays, and looking through it for garbage would only take time; see `group.py`
    gc.disable()
    from allotment.cli.group import run  # click costs more than the help text may

    return run(given)
