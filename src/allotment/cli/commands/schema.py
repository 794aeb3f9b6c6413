"""`allot schema`."""

import click

from allotment.cli.output import print_json
from allotment.source.keys import json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the fleet file.

    \b
    Editors with a YAML language server check and complete the file with it:
      allot schema > fleet.schema.json
      and as the first line of fleet.yaml:
      # yaml-language-server: $schema=fleet.schema.json
    """
    print_json(json_schema())
