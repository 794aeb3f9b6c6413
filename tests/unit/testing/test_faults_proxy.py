import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from allotment.testing.faults.proxy import Proxy

LIMIT = 30.0


class _Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(65536):
                self.request.sendall(data)


class _TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[socketserver.BaseServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def proxy():
    with _served(_TcpServer(("127.0.0.1", 0), _Echo)) as server, Proxy("127.0.0.1", server.server_address[1]) as one:
        yield one


@contextlib.contextmanager
def _client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), LIMIT) as client:
        yield client


def _echoes(client: socket.socket, text: bytes = b"hello") -> bool:
    client.sendall(text)
    return _receive(client, len(text)) == text


def _receive(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data


def _silent(client: socket.socket) -> bool:
    client.settimeout(0.3)
    try:
        return client.recv(1) == b"never"
    except TimeoutError:
        return True
    finally:
        client.settimeout(LIMIT)


def test_passes_bytes_both_ways(proxy):
    with _client(proxy) as client:
        assert _echoes(client, b"x" * 1_000_000)


def test_everything_sent_before_the_end_arrives(proxy):
    text = b"y" * 3_000_000
    with _client(proxy) as client:

        def send() -> None:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert _receive(client, len(text) + 1) == text
        sender.join()


def test_a_stalled_connection_stays_open_and_new_ones_work(proxy):
    with _client(proxy) as old:
        assert _echoes(old)
        proxy.stall()
        old.sendall(b"later")
        with _client(proxy) as new:
            assert _echoes(new)
        assert _silent(old)
        assert proxy.blocked == 5
        proxy.resume()
        assert _receive(old, 5) == b"later"


def test_stalls_new_connections_too(proxy):
    proxy.stall_all()
    with _client(proxy) as client:
        client.sendall(b"hello")
        assert _silent(client)
        assert proxy.blocked == 5
        proxy.resume()
        assert _receive(client, 5) == b"hello"


def test_stalls_what_the_server_says_alone(proxy):
    with _client(proxy) as client:
        assert _echoes(client)
        proxy.stall_replies()
        client.sendall(b"heard")
        assert _silent(client)
        assert proxy.passed == 15, "hello twice, and what the server heard"
        proxy.resume()
        assert _receive(client, 5) == b"heard"


def test_a_stalled_sender_is_held_back(proxy):
    with _client(proxy) as client:
        assert _echoes(client)
        proxy.stall()
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.sendall(b"z" * 200_000_000)
        assert 0 < proxy.blocked <= 2 * 65536


def test_cut_resets_every_connection(proxy):
    with _client(proxy) as one, _client(proxy) as two:
        assert _echoes(one)
        assert _echoes(two)
        assert proxy.cut() == 2
        for client in (one, two):
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        assert proxy.reset == 2
    with _client(proxy) as again:
        assert _echoes(again)


def test_refuses_new_connections_and_keeps_the_old(proxy):
    with _client(proxy) as client:
        assert _echoes(client)
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), LIMIT)
        assert _echoes(client)
    proxy.resume()
    with _client(proxy) as client:
        assert _echoes(client)


def test_a_server_that_is_not_there_is_felt_by_the_client():
    with Proxy("127.0.0.1", 1) as proxy, pytest.raises(ConnectionResetError), _client(proxy) as client:
        client.recv(1)


def test_reaches_unix_sockets(tmp_path: Path):
    path = tmp_path / "server"
    with _served(_UnixServer(str(path), _Echo)), Proxy(socket_path=path) as proxy, _client(proxy) as client:
        assert _echoes(client)


@pytest.mark.parametrize(
    ("original", "changed"),
    [
        ("amqp://guest:guest@127.0.0.1:5672//", "amqp://guest:guest@127.0.0.1:{port}//"),
        ("redis://127.0.0.1:6379/0?a=b", "redis://127.0.0.1:{port}/0?a=b"),
        ("redis+socket:///tmp/a.sock?virtual_host=2", "redis://127.0.0.1:{port}/2"),
        ("redis+socket://:secret@/tmp/a.sock", "redis://:secret@127.0.0.1:{port}/0"),
    ],
)
def test_puts_itself_into_a_url(original, changed):
    proxy = Proxy()
    assert proxy.url(original) == changed.format(port=proxy.port)
    proxy._loop.close()
