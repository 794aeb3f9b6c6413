"""Try the example on this machine: two environments, a broker, the consumer and the producer.

    python examples/contracts/try_it.py

Needs Python 3.11 or newer and the package index; uses uv where it is there. What it makes it takes away again.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]

BROKER = """
import sys
from allotment.testing.brokers import ValkeyServer
with ValkeyServer() as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def build(folder: Path) -> Path:
    """Build the wheels of Allotment and of the three packages into a folder."""
    wheels, uv = folder / "wheels", _uv()
    builder = folder / "builder"  # the environment of a checkout may have no pip
    if uv is None:
        run(sys.executable, "-m", "venv", builder)
    for source in (CHECKOUT, HERE / "celery_tasks", HERE / "producer", HERE / "consumer"):
        if uv:
            run(uv, "build", "--quiet", "--wheel", "--out-dir", wheels, source)
        else:
            run(builder / "bin" / "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", wheels, source)
    return wheels


def environment(folder: Path, wheels: Path, *packages: str) -> Path:
    """Make a virtual environment with some of the wheels and what they need; give its Python."""
    python = folder / "bin" / "python"
    files = [next(wheels.glob(f"{package}-*.whl")) for package in packages]
    if uv := _uv():
        run(uv, "venv", "--quiet", "--python", sys.executable, folder)
        run(uv, "pip", "install", "--quiet", "--python", python, *files)
    else:
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "--quiet", *files)
    return python


def producer_environment(folder: Path, wheels: Path) -> Path:
    """Make the environment of the producer, which has neither the consumer nor what it needs."""
    return environment(folder, wheels, "allotment", "example_celery_tasks", "example_producer")


def consumer_environment(folder: Path, wheels: Path) -> Path:
    """Make the environment of the consumer."""
    return environment(folder, wheels, "allotment", "example_celery_tasks", "example_consumer")


def run(*words: object, **options: object) -> None:
    """Run a command to its end; raises CalledProcessError where it fails."""
    subprocess.run([str(word) for word in words], check=True, **options)  # type: ignore[call-overload]


def _uv() -> str | None:
    """Find uv: on the path, or where `make setup` puts it."""
    return shutil.which("uv") or next((str(path) for path in CHECKOUT.glob(".uv/*/bin/uv")), None)


def main() -> None:
    """Make all that is needed, run it and print."""
    with tempfile.TemporaryDirectory(prefix="contracts-") as name, ExitStack() as ending:
        folder = Path(name)
        print("making an environment for the producer and one for the consumer", flush=True)
        wheels = build(folder)
        producer = producer_environment(folder / "producer", wheels)
        consumer = consumer_environment(folder / "consumer", wheels)

        broker = ending.enter_context(
            subprocess.Popen([consumer, "-c", BROKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        variables = {key: value for key, value in os.environ.items() if key not in ("RESULT_URL", "PYTHONPATH")}
        variables["BROKER_URL"] = broker.stdout.readline().strip()  # type: ignore[union-attr]

        log = ending.enter_context((folder / "consumer.log").open("w"))
        worker = ending.enter_context(
            subprocess.Popen([consumer, "-m", "consumer"], cwd=folder, env=variables, stdout=log, stderr=log)
        )
        ending.callback(worker.terminate)
        for module in ("producer", "producer.in_asyncio"):
            print(f"\npython -m {module}", flush=True)
            try:
                run(producer, "-m", module, cwd=folder, env=variables)
            except subprocess.CalledProcessError:
                print((folder / "consumer.log").read_text(), file=sys.stderr)
                raise


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: this ended with {error.returncode}: {' '.join(error.cmd)}")
    except KeyboardInterrupt:
        sys.exit(130)
