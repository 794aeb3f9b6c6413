"""Printing for as long as the fleet runs: to somebody who may go away, or onto a disk that may be full."""

import errno
import os
import sys

import click

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What writing to a file answers where the disk, or what is allowed of it, is full."""


class Listener:
    """Writes while somebody reads; afterwards it is silent and says so in `deaf`, so that the fleet can be stopped.

    A full disk stops nothing: Python keeps what it did not take, up to the size of a buffer, and tries again.
    """

    deaf = False

    def _write(self, text: str) -> None:
        if self.deaf:
            return
        try:
            click.echo(text)
            sys.stdout.flush()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                self.deaf = True
                _let_go()

    def close(self) -> None:
        """Write what is left, if that can be; Python would complain at its end if not."""
        try:
            sys.stdout.flush()
        except OSError:
            _let_go()


def _let_go() -> None:
    """Let what is still to be written go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
