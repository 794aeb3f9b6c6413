"""`allot presets`."""

import click

from allotment.cli.options import format_option
from allotment.cli.views import presets as view


@click.command("presets")
@format_option()
def command(form: str) -> None:
    """Show the built-in profiles: their figures, and the queues they consume.

    A profile begins with one by `preset: NAME`, and every key it has itself goes before the preset's. A queue of theirs
    comes with its exchange, key and length; `queues:` may say otherwise.

    \b
    Examples:
      allot presets
      allot presets --format json
    """
    if form == "json":
        view.as_json()
    else:
        view.as_text()
