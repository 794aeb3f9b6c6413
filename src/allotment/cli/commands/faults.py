"""`allot faults`."""

import secrets
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allotment.cli.options import Duration, format_option
from allotment.cli.output import print_json
from allotment.cli.views import faults as view
from allotment.cli.views import soak as soak_view
from allotment.errors import ExitCode, UnknownName
from allotment.model.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from allotment.testing.faults.case import Case
    from allotment.testing.faults.outcome import Outcome

_USUAL = ("rabbitmq-quorum", "redis", "embedded")


@click.command("faults")
@click.argument("names", nargs=-1, metavar="[CASE]...")
@click.option("--list", "listing", is_flag=True, help="List the cases and run none.")
@click.option(
    "-b", "--broker", "brokers", multiple=True, metavar="NAME",
    help="rabbitmq-quorum, rabbitmq-classic, redis, valkey, embedded, or all; may be given more than once."
    "  [default: rabbitmq-quorum, redis, embedded]",
)  # fmt: skip
@click.option("--short", is_flag=True, help="Leave out what takes long: what CI runs.")
@click.option("--plain", is_flag=True, help="Run the same cases as plain Celery beside it.")
@click.option(
    "--without", multiple=True, metavar="SAFEGUARD",
    help="Take a safeguard away, to see its cases fail; may be given more than once.",
)  # fmt: skip
@click.option(
    "--soak", type=Duration(), metavar="TIME", help="Send for so long, with faults at random, in place of the cases."
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="What the faults of a soak follow from; left out, one is drawn and told."
)
@click.option(
    "--rate", type=click.FloatRange(0.1, 10_000), default=100.0, show_default=True, help="Tasks a second in a soak."
)
@click.option(
    "--fleet",
    "fleet_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Soak this fleet in place of the harness's own.",
)
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="With --fleet: the tasks to send, in turn.")
@click.option(
    "--args", "arguments", default="[]", metavar="JSON", help="With --fleet: their arguments, as a JSON list."
)
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Keep logs, journals and ledgers in this folder.",
)  # fmt: skip
@format_option()
def command(*, listing: bool, form: str, names: tuple[str, ...], brokers: tuple[str, ...], **options: Any) -> int:
    """Break a running fleet on purpose, and check that nothing is lost.

    Starts brokers and a fleet of its own, brings faults about one at a time, heals them, and holds what was confirmed
    against what ran: L lost, W on a wrong worker, P results that stay pending, O orphan processes must all be 0; D
    duplicates are counted. Exit code 1: a promise was broken, a fault did not land, or nothing was run.

    \b
    Examples:
      allot faults --list
      allot faults F1 F4 --broker redis
      allot faults F8 --broker redis --plain
      allot faults --soak 10m --seed 7 --rate 200 --broker rabbitmq-quorum
      allot faults --soak 2m --fleet fleet.yaml --task shop.mail.send --args '[1]'
    """
    from allotment.testing.faults.brokers import BROKERS  # imports Celery
    from allotment.testing.faults.case import cases
    from allotment.testing.faults.outcome import all_kept
    from allotment.testing.faults.workload.weakened import SAFEGUARDS

    chosen = _chosen(names, cases())
    if listing:
        return view.listing(chosen, form)
    where = tuple(BROKERS) if "all" in brokers else tuple(dict.fromkeys(brokers)) or _USUAL
    for name in where:
        _known("broker", name, BROKERS)
    for name in options["without"]:
        _known("safeguard", name, SAFEGUARDS)
    keep = options["keep"]
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    # told to stop, it clears away what it started, as with Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options["soak"] is not None:
        return _soak(where if brokers else where[:1], form, **options)
    if options["fleet_path"] is not None or options["tasks"]:
        raise UnknownName("--fleet and --task are for a soak", hint="say for how long: --soak 2m")
    if names and options["short"]:
        _refuse_what_is_left_out(chosen, where)
    outcomes = _matrix(chosen, where, form, **options)
    passed = all_kept(outcomes)
    view.matrix(outcomes, form, passed=passed)
    return ExitCode.OK if passed else ExitCode.FINDINGS


def _matrix(
    chosen: "Sequence[Case]", brokers: "Sequence[str]", form: str, *, short: bool, plain: bool, **options: Any
) -> "list[Outcome]":
    from dataclasses import replace

    from allotment.testing.faults.bench import Bench, pairs

    outcomes = []
    without, keep = options["without"], options["keep"]
    with ExitStack() as stack:
        bench = stack.enter_context(Bench(without=without, keep=keep))
        beside = stack.enter_context(Bench(plain=True, keep=keep)) if plain else None
        for case, broker in pairs(chosen, brokers, short=short):
            view.beginning(case, broker, form)
            outcome = bench.run(case, broker)
            if beside is not None and outcome.verdict is not None:
                outcome = replace(outcome, plain=beside.run(case, broker))
            outcomes.append(outcome)
            view.ended(outcome, form)
        outcomes += bench.finish()
    return outcomes


def _soak(
    brokers: "Sequence[str]", form: str, *, soak: float, seed: int | None, rate: float, keep: Path | None,
    fleet_path: Path | None, tasks: tuple[str, ...], arguments: str, without: tuple[str, ...], **_: Any,
) -> int:  # fmt: skip
    import json

    from allotment.testing.faults.soaking import SoakOrder, soak_on

    seed = secrets.randbelow(1_000_000) if seed is None else seed
    try:
        args = json.loads(arguments)
    except ValueError as error:
        raise UnknownName(f"--args is not JSON: {error}", hint="for example --args '[1, \"two\"]'") from None
    if not isinstance(args, list):
        raise UnknownName("--args is not a list", hint="for example --args '[1, \"two\"]'")
    if (fleet_path is None) != (not tasks):
        raise UnknownName("--fleet and --task go together", hint="--fleet fleet.yaml --task shop.mail.send")
    order = SoakOrder(soak, seed, rate, fleet_path, tasks, tuple(args), without, keep)
    passed = True
    documents = []
    for broker in brokers:
        with soak_view.Progress(broker, order) as progress:
            soaked = soak_on(broker, order, progress.begin, progress.tell)
        documents.append(soak_view.document(broker, order, soaked))
        if form == "text":
            soak_view.show(broker, order, soaked)
        passed = passed and soaked.passed
        if soaked.interrupted:
            break
    if form == "json":
        print_json(documents)
    if soaked.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if passed else ExitCode.FINDINGS


def _chosen(names: tuple[str, ...], cases: "Sequence[Case]") -> "list[Case]":
    numbers = {case.number.lower(): case for case in cases}
    for name in names:
        _known("case", name.lower(), numbers)
    return [numbers[name.lower()] for name in names] or list(cases)


def _refuse_what_is_left_out(chosen: "Sequence[Case]", brokers: "Sequence[str]") -> None:
    for case in chosen:
        if not case.elsewhere and not set(case.short) & set(brokers):
            told = f"runs {case.number} on {', '.join(case.short)} alone" if case.short else f"has no {case.number}"
            raise UnknownName(f"the short form {told}", hint="leave --short away")


def _known(what: str, name: str, there: "Collection[str]") -> None:
    if name not in there:
        hint = did_you_mean(name, there, otherwise=f"there is {', '.join(there)}")
        raise UnknownName(f"there is no {what} {name!r}", hint=hint)
