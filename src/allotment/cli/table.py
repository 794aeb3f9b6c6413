"""The table of commands and the help text made from it; importing it imports nothing else."""

COMMANDS = {
    "check": "Check a fleet file and prove that every task reaches only workers that can run it.",
    "plan": (
        "Show what follows from the file: queues, lanes, routes, workers; as a table, diagram, commands or settings."
    ),
    "explain": "Say where a task goes and why: entry, lane, exchange, key, workers.",
    "up": "Run the fleet's part of this machine.",
    "worker": "Run one worker of the fleet: what a unit file or a container runs.",
    "run": "Submit a workflow and show which worker ran what.",
    "trace": "Show one workflow's path: task, queue, lane, worker, waited, ran.",
    "doctor": "Say whether the broker and the results can be reached and used from here, and if not, why.",
    "contracts": "List, show and compare contracts: what producers and workers share of a task.",
    "dead": "List, show, send again and throw away messages that were set aside.",
    "presets": "Show the built-in profiles: their figures and their queues.",
    "docs": "Print the pages on rules and practices.",
    "demo": "Run six topologies one after another and compare what ran with what was planned.",
    "faults": "Break a running fleet on purpose, and check that nothing is lost.",
    "schema": "Print the JSON Schema of the fleet file, for editors.",
}
"""Each command, a module of this name under `allotment.cli.commands`, and what it is for in a line."""

PROGRAMS = {
    "task-backend-worker": "Run a worker of the tasks you choose, by flags and the environment.",
}
"""Commands that are not under `allot`, each with a module of this name, `_` for `-`, beside its own."""

EXAMPLES = """\
Examples:
  allot check                            prove the fleet in fleet.yaml
  allot up                               run it here, Ctrl-C drains and stops
  allot run "A | B | C" --times 20       submit workflows, see who ran what
  allot plan --format mermaid            draw it"""


def help_text(program: str = "allot") -> str:
    """Give the text of `allot --help`."""
    width = max(len(name) for name in COMMANDS)
    rows = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    return f"""\
Usage: {program} COMMAND [OPTIONS]

Every Celery task meets a worker that can run it: one fleet.yaml, proved, then run.

Commands:
{rows}

{EXAMPLES}

Options:
  --version  Print the version.
  --help     Print this text; `{program} COMMAND --help` tells of one command.

Exit codes: 0 done, 1 findings, 2 bad input, 70 a fault of Allotment, 75 try again later, 130 interrupted.
"""
