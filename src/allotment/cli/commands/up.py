"""`allot up`."""

import asyncio
import contextlib
import signal
from pathlib import Path

import click

from allotment.cli.options import Duration, Scale, fleet_option, format_option, loglevel_option
from allotment.cli.views import up as view
from allotment.errors import BrokerUnreachable, ExitCode
from allotment.local.embedded import EmbeddedBroker
from allotment.local.ledger import end_left_over
from allotment.local.part import Part, part_of
from allotment.local.supervisor import Supervisor
from allotment.source.fleet_file import read_fleet_file

_LOOK = 0.5
"""Seconds between looks at whether somebody still reads what is printed."""
_ONE_SIGNAL = 0.5
"""Seconds within which signals count as one: some tools signal a process and then its group."""


@click.command("up")
@click.option(
    "-n", "--node", metavar="NAME", help="The node this machine is; left out, it plays every node of the file."
)
@click.option(
    "-s", "--scale", type=Scale(), multiple=True, metavar="PROFILE=N", help="Run N workers of a profile instead."
)
@click.option(
    "--grace", type=Duration(), default="30s", show_default=True, help="Time to finish what runs when stopped."
)
@loglevel_option
@fleet_option
@format_option()
def command(
    *, node: str | None, scale: tuple[tuple[str, int], ...], grace: float, loglevel: str, fleet_path: Path, form: str
) -> int:
    """Run the fleet's part of this machine.

    Proves the fleet, starts its broker if that is embedded, starts the workers and starts them again when they end.
    Ctrl-C stops taking tasks, lets what runs finish within the grace and stops; a second Ctrl-C stops now.

    \b
    Examples:
      allot up
      allot up --node server-1
      allot up --scale cpu=3 --grace 2m
    """
    part = part_of(read_fleet_file(fleet_path), node, dict(scale))
    reporter = view.reporter(form, [worker.name for worker in part.workers])
    with part.locked():
        part.reach_broker()
        for name in end_left_over(part.ledger.read(), grace):
            reporter.left_over(name)
        reporter.header(part)
        return asyncio.run(_supervise(part, reporter, grace, loglevel.upper()))


async def _supervise(part: Part, reporter: view.UpReporter, grace: float, loglevel: str) -> ExitCode:
    supervisor = Supervisor(part.commands(loglevel), reporter, part.ledger, grace)
    stops, last = 0, -_ONE_SIGNAL

    def stop() -> None:
        nonlocal stops, last
        now = loop.time()
        if now - last < _ONE_SIGNAL:
            return
        stops, last = stops + 1, now
        reporter.stopping(grace if stops == 1 else 0)
        supervisor.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)

    async def say_when_ready() -> None:
        if await supervisor.until_ready() and not stops:
            reporter.all_ready(len(part.workers))

    async def stop_when_deaf() -> None:
        while not reporter.deaf:  # noqa: ASYNC110 - writing is not asynchronous and can set no event
            await asyncio.sleep(_LOOK)
        supervisor.stop()

    beside = [asyncio.create_task(one) for one in (_keep_broker(part), say_when_ready(), stop_when_deaf())]
    try:
        return await supervisor.run()
    finally:
        for task in beside:
            task.cancel()


async def _keep_broker(part: Part) -> None:
    """Start the embedded broker again if its keeper should end."""
    while part.uses_embedded:
        await asyncio.sleep(_LOOK)
        with contextlib.suppress(BrokerUnreachable):
            await asyncio.to_thread(EmbeddedBroker(part.state).hold)
