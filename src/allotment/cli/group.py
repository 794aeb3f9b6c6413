"""The commands as a click group, and what becomes of their errors."""

import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from allotment.cli.output import show_errors
from allotment.cli.table import COMMANDS, help_text
from allotment.errors import AllotmentError, ExitCode
from allotment.model.names import nearest


class Told(click.Command):
    """Shows errors of ours and makes exit codes of them, so that every way in behaves alike."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except AllotmentError as error:
            show_errors(error)
            ctx.exit(int(error.exit_code))


class LazyGroup(Told, click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of the table."""
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give the command of this name; None for one that is not in the table."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = importlib.import_module(f"allotment.cli.commands.{cmd_name}").command
        gc.freeze()
        gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named first; for an unknown one, say which is nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = nearest(args[0], COMMANDS)
            hint = f" Did you mean {near!r}?" if near else " `allot --help` lists the commands."
            raise click.UsageError(error.message + hint, ctx) from None

    def get_help(self, ctx: click.Context) -> str:
        """Give the same text as the fast way does."""
        return help_text(ctx.command_path).rstrip()


@click.group(cls=LazyGroup, name="allot", invoke_without_command=False, no_args_is_help=True)
def allot() -> None:
    """Every Celery task meets a worker that can run it."""


def program_command(name: str) -> click.Command:
    """Give the command of a program that is not under `allot`."""
    module = importlib.import_module(f"allotment.cli.commands.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command


def run(arguments: Sequence[str], command: click.Command = allot, program: str = "allot") -> int:
    """Run a command and give its exit code; no traceback for what a user can mend."""
    try:
        result = command.main(list(arguments), prog_name=program, standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        error.show()
        return ExitCode.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; keep Python from complaining when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception:  # noqa: BLE001 - the last stop: a fault of ours, told as such
        import traceback  # seldom needed, and slow to import

        sys.stderr.write(
            f"{traceback.format_exc()}\nThis is a fault of Allotment; please report it with the text above.\n"
        )
        return ExitCode.INTERNAL
    return result if isinstance(result, int) else ExitCode.OK
