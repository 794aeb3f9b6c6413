"""How long `allot --help` and `allot check` take, beside Python that does nothing."""

import compileall
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import allotment
from benchmarks.figures import Figure, Target, compared, timed
from benchmarks.machine import plain_environment, python

RUNS = 31
WARMING = 3
SMALL = Path(__file__).with_name("small_fleet.yaml")
COMMAND = Path(sysconfig.get_path("scripts")) / "allot"

NOTHING = "python -c pass"
HELP = "allot --help"
CHECK = "allot check"
TARGETS = {HELP: Target(3.0), CHECK: Target(10.0)}


def measure() -> Iterator[Figure]:
    """Run whole processes in turn, so that whatever else the machine does falls on all of them alike."""
    commands = {
        NOTHING: python("-c", "pass"),
        HELP: python(str(COMMAND), "--help"),
        CHECK: python(str(COMMAND), "check", "--fleet", str(SMALL)),
    }
    _prepare(commands)
    elapsed: dict[str, list[float]] = {name: [] for name in commands}
    processor: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            seconds, used = _once(command)
            elapsed[name].append(seconds)
            processor[name].append(used)
    for name in commands:
        yield timed(name, elapsed[name])
    for name, target in TARGETS.items():
        yield compared(f"{name} over {NOTHING}", elapsed[name], elapsed[NOTHING], target)
    for name in TARGETS:
        yield compared(f"  {name}, processor time alone", processor[name], processor[NOTHING])


def _prepare(commands: dict[str, list[str]]) -> None:
    """Compile as an installer does, see that each command answers as it should, and fill the file cache."""
    if not compileall.compile_dir(Path(allotment.__file__).parent, quiet=1):
        raise RuntimeError("Allotment's modules cannot be compiled")
    for name, begins in ((NOTHING, ""), (HELP, "Usage: allot"), (CHECK, "proved:")):
        for _ in range(WARMING):
            done = subprocess.run(commands[name], env=plain_environment(), capture_output=True, text=True, check=False)
            if done.returncode or not done.stdout.startswith(begins):
                raise RuntimeError(f"{name} ended with {done.returncode}: {done.stdout}{done.stderr}")


def _once(command: Sequence[str]) -> tuple[float, float]:
    """Run it; give the seconds that passed and the seconds of processor time it used."""
    started = perf_counter()
    process = subprocess.Popen(command, env=plain_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime
