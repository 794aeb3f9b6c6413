"""RabbitMQ for tests."""

import os
import pwd
import socket
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from allotment.testing.brokers.server import HOST, BrokerServerError, LocalServer, find_program, free_ports


class RabbitServer(LocalServer):
    """RabbitMQ, as the Debian package installs it, without plugins but those named in `plugins`.

    Run by root, it runs as the user `rabbitmq` if there is one, as the packaged script does, and its folder then comes
    to belong to that user, who must be able to reach it. The settings are lines of rabbitmq.conf. A plugin that
    listens needs a port of its own in the settings: for `rabbitmq_management` set `management.tcp.ip` and
    `management.tcp.port`.

    A confirmed persistent message survives `kill` if its durable queue does. RabbitMQ 3.10 replies to the declaration
    of a queue before it has written all of it, so call `write_through` before you kill the server.

    The sources are https://www.rabbitmq.com/docs/configure for the variables and the configuration file,
    https://www.rabbitmq.com/docs/runtime for the flags, and erl(1) and epmd(1).
    """

    name = "rabbitmq"
    separator = " = "
    user: Final = "rabbitmq"
    node: Final = "allotment@localhost"
    """The node's name. Every server has this one, as each has an epmd of its own and the data is found by this name."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        plugins: Sequence[str] = (),
        start_seconds: float = 60.0,
    ) -> None:
        free_port, self._distribution_port, self._epmd_port = free_ports(3)
        super().__init__(folder, port=port or free_port, settings=settings, start_seconds=start_seconds)
        self.plugins = tuple(plugins)

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why this machine cannot run RabbitMQ and what would mend that, or None if it can."""
        if find_program("rabbitmq-server") and find_program("epmd"):
            return None
        return "RabbitMQ is not installed; on Debian and Ubuntu: apt-get install rabbitmq-server"

    @property
    def url(self) -> str:
        """The broker URL for kombu and Celery, for the user guest and the virtual host "/"."""
        return f"amqp://guest:guest@{HOST}:{self.port}//"

    def control(self, *arguments: str, seconds: float = 60.0) -> str:
        """Run `rabbitmqctl` with these arguments on the running server and give what it printed.

        It takes a second or two, for most of which it starts. Raises BrokerServerError if it fails or takes longer
        than `seconds`.
        """
        path = f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", **self._environment()}
        command = [find_program("rabbitmqctl"), "--quiet", "--node", self.node, *arguments]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=seconds, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BrokerServerError(f"rabbitmqctl {arguments[0]} did not work: {error}") from None
        if done.returncode:
            raise BrokerServerError(f"rabbitmqctl {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def write_through(self) -> None:
        """Have the server write what it knows of its queues and may keep back for up to two seconds.

        That is that a declaration is committed, without which a queue is gone after `kill` (Erlang's disk_log; one kill
        out of five to ten with RabbitMQ 3.10), and the name of the replica of the newest quorum queue, without which
        nothing can be had from the queue ever again (`names.dets` of its Raft library; every kill within half a second
        of the declaration). Either is written when the next change of its kind comes, so one of each is made here.
        """
        from kombu import Connection, Exchange, Queue  # noqa: PLC0415 - only where a server is about to be killed

        kind = {"x-queue-type": "quorum"}
        with Connection(self.url) as connection:
            channel = connection.default_channel
            for entity in (
                Queue("written-through", durable=True, queue_arguments=kind)(channel),
                Exchange("written-through", durable=True)(channel),
            ):
                entity.declare()
                entity.delete()

    def _launch(self) -> None:
        """Run an epmd of its own, which would otherwise be started as a daemon and stay, and then the node."""
        environment = self._environment()
        self._write_settings("rabbitmq.conf", {**self._settings(), **self.settings})
        (self.folder / "enabled_plugins").write_text(f"[{','.join(self.plugins)}].\n")
        (self.folder / "pid").unlink(missing_ok=True)
        user = self._hand_over()
        self._run((find_program("epmd"), "-address", HOST, "-port", str(self._epmd_port)), environment, user)
        self._run((find_program("rabbitmq-server"),), environment, user)

    def _settings(self) -> dict[str, str]:
        return {
            "listeners.tcp.1": f"{HOST}:{self.port}",
            "disk_free_limit.absolute": "1MB",  # a test machine with a full disk should not block publishers
            "log.file": "false",
            "log.console": "true",
            "log.console.level": "info",
        }

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        # Busy waiting of the schedulers halves the time to start, in which some 50 000 files are looked for by other
        # threads. They are not bound to processors, because every node would choose the same ones.
        flags = "+sbwt short +sbwtdcpu short +sbwtdio short +stbt u"
        return {
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),  # absent, so that the system's is not read
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),  # absent too
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{flags} -kernel inet_dist_use_interface {{127,0,0,1}}",
            "RABBITMQ_LOG": "-color",
            "ERL_CRASH_DUMP_SECONDS": "0",  # none: the log says what happened
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
        }

    def _hand_over(self) -> str | None:
        """Give the folder to the user that the broker runs as, and return the user's name; None if it is the caller.

        Raises BrokerServerError if that user cannot reach the folder.
        """
        if os.geteuid() != 0:
            return None
        try:
            entry = pwd.getpwnam(self.user)
        except KeyError:
            return None
        for parent in self.folder.resolve().parents:
            if not parent.stat().st_mode & stat.S_IXOTH:
                raise BrokerServerError(
                    f"RabbitMQ runs as the user {self.user}, who may not enter {parent}",
                    hint="give RabbitServer a folder that this user can reach, or none",
                )
        for path in (self.folder, *self.folder.glob("*")):
            os.lchown(path, entry.pw_uid, entry.pw_gid)
        return self.user

    def _ready(self, connection: socket.socket) -> bool:
        """Ask for a greeting: a method frame on channel 0 (AMQP 0-9-1 specification, 2.2.4 and 4.2.2)."""
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        return connection.recv(3) == b"\x01\x00\x00"

    def _broker_pid(self) -> int:
        return int((self.folder / "pid").read_text())
