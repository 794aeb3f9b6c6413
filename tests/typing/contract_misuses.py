"""Wrong uses of contracts; each must be reported, by both type checkers: an `ignore` for nothing is an error."""

from allotment import TaskContract, contract, create_worker_from, implements


@contract(name="join")
def join(first: str, times: int = 1) -> str:
    """Repeat a text."""
    raise NotImplementedError


class Magic(TaskContract):
    name = "magic"

    def run(self, left: int, right: int) -> int:
        raise NotImplementedError


def arguments() -> None:
    join.delay(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    join.delay()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    join.delay("a", 1, 2)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    join.delay("a", often=2)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    join.si(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Magic.delay("a", 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Magic.delay(1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Magic().delay(1, "b")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Magic.si(1, 2, 3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    create_worker_from(Magic)[1].delay("a", 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def arguments_in_an_event_loop() -> None:
    await join.adelay(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await Magic.adelay(1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def results() -> None:
    number: int = join.delay("a").get()  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    text: str = Magic.delay(1, 2).get()  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    print(number, text)


@implements(join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
def takes_another_type(first: bytes, times: int = 1) -> str:
    return ""


@implements(join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
def gives_another_type(first: str, times: int = 1) -> int:
    return 1


@implements(join)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
def lacks_a_parameter(first: str) -> str:
    return ""


class TakesAnotherType(Magic):
    def run(self, left: str, right: int) -> int:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]
        return 1
