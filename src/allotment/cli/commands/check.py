"""`allot check`."""

from pathlib import Path

import click

from allotment.cli.loading import load
from allotment.cli.options import fleet_option, format_option
from allotment.cli.views import check as view
from allotment.errors import ExitCode
from allotment.plan.proof import prove


@click.command("check")
@fleet_option
@format_option()
def command(fleet_path: Path, form: str) -> int:
    """Check a fleet file and prove that every task reaches only workers that can run it.

    Exit code 0: it is so. 1: it is not, with the smallest counter-example and what would mend it. 2: the file or its
    app cannot be used.

    \b
    Examples:
      allot check
      allot check -f staging.yaml --format json
    """  # noqa: D301 - click needs the character \b itself
    loaded = load(fleet_path)
    proof = prove(loaded.plan)
    unknown = loaded.unknown_entries()
    if form == "json":
        view.as_json(loaded, proof, unknown)
    else:
        view.as_text(loaded, proof, unknown)
    return ExitCode.OK if proof.holds and not unknown else ExitCode.FINDINGS
