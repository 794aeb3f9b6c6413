"""One tree of errors. Each says what is wrong, where, and what to do, in that order."""

from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command of Allotment ends with."""

    OK = 0
    """Everything asked for was done."""
    FINDINGS = 1
    """The command worked, and what it looked at is not as it should be: the proof fails, a workflow did not finish."""
    BAD_INPUT = 2
    """The command could not do its work: the file, an argument, the app, the broker or a requirement is not usable."""
    RUNNING = 3
    """Another `allot up` already runs this node of the fleet."""
    UNAVAILABLE = 75
    """Under a supervisor: the broker did not answer, and trying again later may help."""
    INTERNAL = 70
    """A fault of Allotment itself."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C before the work was done."""


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file; line and column count from 1, None where there is no such place.

    `end_line` and `end_column` are those of the character after the last, None where that is not known.
    """

    file: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = field(default=None, compare=False)
    end_column: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class AllotmentError(Exception):
    """The root of the tree: every error that Allotment raises on purpose.

    `code` names the kind for programs, `hint` says what would mend it, `exit_code` is what a command ends with.
    """

    code = "error"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, where: Where | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)

    def parts(self) -> tuple["AllotmentError", ...]:
        """Give the single errors this one stands for: itself, unless it gathers several."""
        return (self,)


def _restored(kind: type[AllotmentError], args: tuple[object, ...], state: dict[str, object]) -> AllotmentError:
    """Make an error again from what was pickled: exceptions made by keyword cannot be made from `args` alone."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class FileProblem(AllotmentError):
    """One thing wrong with a file."""

    def __init__(self, code: str, message: str, *, where: Where | None = None, hint: str | None = None) -> None:
        super().__init__(message, where=where, hint=hint)
        self.code = code


class FileInvalid(AllotmentError):
    """A file that cannot be used, with everything found wrong in it."""

    code = "file-invalid"

    def __init__(self, problems: tuple[FileProblem, ...]) -> None:
        first = problems[0]
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        super().__init__(first.message + more, where=first.where, hint=first.hint)
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)

    def parts(self) -> tuple[AllotmentError, ...]:
        """Give every problem of the file."""
        return self.problems


class AppUnusable(AllotmentError):
    """The Celery app that the fleet file names cannot be imported or is not a Celery app."""

    code = "app-unusable"


class SettingsOverridden(AllotmentError):
    """Something outside the fleet file sends the app elsewhere than the file says."""

    code = "settings-overridden"


class VariableInvalid(AllotmentError):
    """An environment variable holds what cannot be used."""

    code = "variable-invalid"


class BrokerUnreachable(AllotmentError):
    """Nobody answers at the broker's, or the result backend's, address."""

    code = "broker-unreachable"


class RequirementsUnmet(AllotmentError):
    """A worker's node lacks what its profile requires: a mount, an import or a label."""

    code = "requirements-unmet"


class SupervisorRunning(AllotmentError):
    """Another supervisor already runs this part of the fleet."""

    code = "supervisor-running"
    exit_code = ExitCode.RUNNING


class SnapshotUnusable(AllotmentError):
    """What `allot up` kept of the fleet file for its workers is not there, or is damaged."""

    code = "snapshot-unusable"


class FollowingRefused(AllotmentError):
    """A running fleet cannot follow a change of its file: messages would be left where nobody consumes."""

    code = "following-refused"


class UnknownName(AllotmentError):
    """A profile, node, task or queue that the fleet does not have."""

    code = "unknown-name"


class SelectionInvalid(AllotmentError):
    """What is asked of a worker contradicts itself, leaves nothing, or cannot be kept apart from the rest."""

    code = "selection-invalid"


class BackendUnusable(AllotmentError):
    """A backend of another distribution cannot be imported, or is none."""

    code = "backend-unusable"


class ExpressionInvalid(AllotmentError):
    """A workflow expression that cannot be read."""

    code = "expression-invalid"


class ResultsUnavailable(AllotmentError):
    """The fleet's result backend cannot do what was asked: it keeps nothing, or nothing that others can read."""

    code = "results-unavailable"


class ProofFailed(AllotmentError):
    """The fleet would send a task where it cannot run."""

    code = "proof-failed"
    exit_code = ExitCode.FINDINGS


class IdempotencyUnusable(AllotmentError):
    """A task cannot be idempotent as the file says: by its parameters, by a value, or as keys cannot be kept."""

    code = "idempotency-unusable"


class IdempotencyUnknown(AllotmentError):
    """A task was not run: whether it ran before is not known, or it runs elsewhere, and it could not be put off."""

    code = "idempotency-unknown"


class PublishRefused(AllotmentError):
    """A message that no worker could run was not published."""

    code = "publish-refused"
    exit_code = ExitCode.FINDINGS

    def __init__(self, message: str, *, task: str = "", queue: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.task = task
        self.queue = queue


class QueueUnknown(PublishRefused):
    """A publish named a queue that the fleet does not have."""

    code = "queue-unknown"


class TaskUnknown(PublishRefused):
    """A publish named a task that the fleet does not have."""

    code = "task-unknown"


class NobodyCanRun(PublishRefused):
    """A publish named a queue where no worker can run the task."""

    code = "nobody-can-run"


class HintUnknown(PublishRefused):
    """A publish hinted at a kind of work that there is not, or that the fleet does not route by."""

    code = "hint-unknown"


class ZoneUnknown(PublishRefused):
    """A publish named a zone in which the fleet has no node."""

    code = "zone-unknown"


class PublishFailed(AllotmentError):
    """A message that the broker did not take, or of which that is not known."""

    code = "publish-failed"
    exit_code = ExitCode.FINDINGS

    def __init__(
        self,
        message: str,
        *,
        task: str = "",
        task_id: str | None = None,
        queue: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.task = task
        self.task_id = task_id
        self.queue = queue


class QueueFull(PublishFailed):
    """The queue is at its limit and refuses more: the message was not taken."""

    code = "queue-full"


class PublishUnconfirmed(PublishFailed):
    """The broker did not answer within the deadline: the message may have been taken or not."""

    code = "publish-unconfirmed"


class BrokerBlocked(PublishFailed):
    """The broker takes no messages, as its memory or its disk is short: the message was not taken."""

    code = "broker-blocked"


class MessageTooLarge(PublishFailed):
    """The message is larger than the limit: it was not sent."""

    code = "message-too-large"


class MessageUnroutable(PublishFailed):
    """The broker has no queue for the message: it was not taken."""

    code = "message-unroutable"


class TaskKeepsDying(AllotmentError):
    """A task was delivered as often as its queue allows and never came to an end: it is not run again."""

    code = "task-keeps-dying"
    exit_code = ExitCode.FINDINGS


class MessageUnusable(AllotmentError):
    """A message that no worker can make a task of: it was set aside and not run."""

    code = "message-unusable"
    exit_code = ExitCode.FINDINGS


class QueueDiffers(AllotmentError):
    """A queue or an exchange is at the broker with other arguments than the plan gives it."""

    code = "queue-differs"


class DeadLettersUnreadable(AllotmentError):
    """The broker is of a kind whose messages that were set aside cannot be read."""

    code = "dead-letters-unreadable"


class ContractInvalid(AllotmentError):
    """A contract cannot be what its definition says: a type that cannot travel, a name that is taken."""

    code = "contract-invalid"


class ImplementationDiffers(AllotmentError):
    """A function was bound to a contract whose signature it does not have."""

    code = "implementation-differs"


class ContractUnimplemented(AllotmentError):
    """A worker was to run a contract of which it has only the definition, or a program called one."""

    code = "contract-unimplemented"


class ArgumentsInvalid(AllotmentError):
    """Arguments that do not fit the contract's signature: nothing was sent, or a worker refused to run."""

    code = "arguments-invalid"


class ResultInvalid(AllotmentError):
    """A result that is not of the type its contract says."""

    code = "result-invalid"


class ContractsUnusable(AllotmentError):
    """The contracts of a module, a folder or a snapshot cannot be read."""

    code = "contracts-unusable"


class ContractDiffers(AllotmentError):
    """A message was made from another version of a contract than the worker's, and the two do not go together."""

    code = "contract-differs"
