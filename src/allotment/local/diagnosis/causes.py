"""The likely cause of each fault, and the command to try: pure, so that each can be read and tested alone."""

import re
from dataclasses import dataclass

from allotment.local.diagnosis.faults import Fault
from allotment.local.diagnosis.surroundings import Container, Surroundings
from allotment.local.diagnosis.target import Family, Target


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is wrong in a line, why most likely, and what to try."""

    detail: str
    cause: str
    remedy: str


_FROM_CONTAINERS = {
    Container.DOCKER: (
        "for one on the host write host.docker.internal in the address, on Linux with `docker run"
        " --add-host=host.docker.internal:host-gateway`; for one in the same Compose file, its service's name"
    ),
    Container.PODMAN: "for one on the host write host.containers.internal in the address; for one in Compose, its name",
    Container.KUBERNETES: "name its Service in the address; `kubectl get services --all-namespaces` lists them",
    Container.OTHER: "for one on the host write an address of the host that this container's network knows",
}
_HOST_OF_CONTAINERS = frozenset({"host.docker.internal", "host.containers.internal", "gateway.docker.internal"})
_GRANT = "`rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'` grants it all"

_TABLE: dict[Fault, Explanation] = {
    Fault.NO_TRANSPORT: Explanation(
        "kombu, by which Celery connects, has no transport {own_scheme}",
        "a slip in the scheme, or the name of a product in its place",
        "write amqp:// for RabbitMQ (amqps:// with TLS), redis:// for Redis and Valkey (rediss:// with TLS)",
    ),
    Fault.NO_BACKEND: Explanation(
        "Celery has no result backend {own_scheme}",
        "a slip in the scheme, or the scheme of a broker",
        "write redis:// (rediss:// with TLS), db+postgresql://, cache+memcached:// or another of Celery's; rpc:// for"
        " replies over RabbitMQ",
    ),
    Fault.NOT_INSTALLED: Explanation(
        "what {own_scheme}:// needs is not installed here",
        "{reason}",
        "install it in this environment",
    ),
    Fault.BAD_OPTION: Explanation(
        "kombu does not take {option} of the address",
        "what stands after the ? becomes arguments of its connection, which has no such argument, has it from"
        " elsewhere in the address, or takes no such value",
        "take it out of the address; what it was to set may have a setting in the app: `broker_transport_options`,"
        " `broker_use_ssl`",
    ),
    Fault.NO_HOST: Explanation(
        "there is no host {host}",
        "a slip in the name, DNS that does not know it, or a service of Compose or Kubernetes, whose name is known"
        " only in the containers of its own network",
        "`getent hosts {host}`; run this in a container of that network, or write the host's address",
    ),
    Fault.NO_ROUTE: Explanation(
        "no way leads to {host}",
        "the host is down, or this network has no route to that one",
        "`ip route get {host}`, and look at VPN and security groups",
    ),
    Fault.REFUSED: Explanation(
        "{place} refuses the connection",
        "nothing listens there: the server is down, listens on another port or only on its own 127.0.0.1",
        "start the broker there, or correct the address; `ss -ltn` on {host} shows what listens where",
    ),
    Fault.TIMEOUT: Explanation(
        "{place} does not answer in time",
        "a firewall or a security group drops what is sent there, or the host is down",
        "`nc -vz -w 4 {host} {port}`; let port {port} in from this machine",
    ),
    Fault.CLOSED: Explanation(
        "{place} closes the connection",
        "a proxy without its server, a server that is starting or full, or one that speaks another protocol",
        "look at the server's log; is port {port} the one for {family}?",
    ),
    Fault.NO_SOCKET: Explanation(
        "the socket {path} is not there",
        "the server does not run, or listens elsewhere",
        "start the server; for the embedded broker start the fleet with `allot up`",
    ),
    Fault.SOCKET_FORBIDDEN: Explanation(
        "the socket {path} may not be opened",
        "it belongs to another user",
        "run this as the user of the server; `ls -l {path}` shows whose it is",
    ),
    Fault.SILENT: Explanation(
        "{place} takes the connection and says nothing",
        "another kind of server, one that is starting or stuck, or a proxy that holds the connection open",
        "look at the server's log; is port {port} the one for {family}?",
    ),
    Fault.OTHER_PROTOCOL: Explanation(
        "{place} does not speak {family}",
        "another kind of server listens there; RabbitMQ's usual port is 5672 (5671 with TLS, 15672 is its web page),"
        " that of Redis 6379",
        "correct the scheme or the port in the address",
    ),
    Fault.PLAIN_SERVER: Explanation(
        "{place} does not speak TLS",
        "the address asks for TLS, and the server speaks without on this port",
        "write {scheme}:// in the address, or the port on which the server speaks TLS",
    ),
    Fault.TLS_SERVER: Explanation(
        "{place} speaks TLS only",
        "the address asks for no TLS, and the server wants it on this port",
        "write {encrypted_scheme}:// in the address",
    ),
    Fault.TLS_OTHER: Explanation(
        "the TLS handshake with {place} fails",
        "no protocol version or cipher that both sides take, or another kind of server",
        "`openssl s_client -connect {host}:{port}` shows more",
    ),
    Fault.TLS_FILE: Explanation(
        "a file for TLS cannot be used",
        "the authority's certificates, the own certificate or its key cannot be read, or are no PEM files",
        "correct the path in the address or in the setting, and see that this user may read the file",
    ),
    Fault.TLS_IN_URL: Explanation(
        "the options of TLS are not taken",
        "kombu cannot hand what an address says of TLS (?ssl_...) to py-amqp",
        "take it out of the address, and set broker_use_ssl in the app: `cert_reqs`, `ca_certs`, `server_hostname`",
    ),
    Fault.CLIENT_CERTIFICATE: Explanation(
        "{place} closes after the TLS handshake",
        "most likely it lets in only clients that show a certificate, and this one shows none that it takes",
        "give certificate and key (`ssl_certfile` and `ssl_keyfile`, for RabbitMQ `certfile` and `keyfile` of"
        " broker_use_ssl), or set `tls-auth-clients no` in Redis",
    ),
    Fault.UNTRUSTED: Explanation(
        "the certificate of {host} is not trusted",
        "who issued it is not among the authorities that this client knows",
        "name its file in the variable SSL_CERT_FILE, or {authority_option}",
    ),
    Fault.EXPIRED: Explanation(
        "the certificate of {host} has expired",
        "it was not renewed, the server was not told of the new one, or this machine's clock is ahead",
        "renew it on the server and restart that; `date` shows this machine's clock",
    ),
    Fault.NOT_YET_VALID: Explanation(
        "the certificate of {host} is not valid yet",
        "this machine's clock is behind, or it was issued for later",
        "`date` shows this machine's clock",
    ),
    Fault.OTHER_NAME: Explanation(
        "the certificate of {host} is for another name",
        "the address names the server otherwise than the certificate does, or another server answers",
        "write a name of the certificate in the address, or issue one for {host}",
    ),
    Fault.LOGIN_NEEDED: Explanation(
        "the server wants a password",
        "the address has none, or the variable that should hold it is empty",
        "write it before the host, {own_scheme}://:PASSWORD@..., percent-encoded and from the environment",
    ),
    Fault.LOGIN_REFUSED: Explanation(
        "the login is refused",
        "the user or the password is wrong, or a sign in them that has a meaning in an address is not percent-encoded",
        "correct them in the address; {login_command}",
    ),
    Fault.GUEST_FROM_AFAR: Explanation(
        "the login is refused",
        "RabbitMQ lets its user guest in from its own machine only, unless `loopback_users` says otherwise; or the"
        " password is wrong",
        "make a user: `rabbitmqctl add_user USER PASSWORD`, then " + _GRANT,
    ),
    Fault.NO_VIRTUAL_HOST: Explanation(
        "there is no such virtual host",
        "it was never made, or a sign is missing: the virtual host / is written as // at the address's end",
        "`rabbitmqctl list_vhosts`, and `rabbitmqctl add_vhost VHOST` makes one",
    ),
    Fault.VIRTUAL_HOST_FORBIDDEN: Explanation(
        "the virtual host is closed to this user",
        "the user has no permissions in it",
        _GRANT,
    ),
    Fault.NO_DATABASE: Explanation(
        "there is no such database",
        "the number at the address's end is no number, or is not under the server's `databases` (16 if not said)",
        "write a number from 0 to 15, or raise `databases` in redis.conf",
    ),
    Fault.NOT_PERMITTED: Explanation(
        "the user may not do that",
        "its permissions leave out what Celery needs: making queues, writing and reading",
        "{grant}",
    ),
    Fault.PROTECTED: Explanation(
        "Redis takes connections from its own machine only",
        "it has no password and is in protected mode",
        "set `requirepass` in redis.conf, and the password in the address",
    ),
    Fault.TOO_OLD: Explanation(
        "the server is older than Redis 6.0",
        "redis-py 8 begins with HELLO, which Redis knows from 6.0 on",
        "update the server, or `pip install 'redis<8'`",
    ),
    Fault.TOO_MANY_CLIENTS: Explanation(
        "the server takes no more connections",
        "`maxclients` is reached: too many workers, or connections that nobody closes",
        "`redis-cli client list` shows whose they are; raise `maxclients` in redis.conf",
    ),
    Fault.LOADING: Explanation(
        "the server is still reading its data",
        "it was started a moment ago",
        "wait, and run this again",
    ),
    Fault.READ_ONLY: Explanation(
        "the server takes no writing",
        "it is a replica",
        "name the primary in the address: `redis-cli info replication` shows it",
    ),
    Fault.FULL: Explanation(
        "the server's memory is full",
        "`maxmemory` is reached and nothing may be evicted: messages or results have piled up",
        "`redis-cli info memory`; raise `maxmemory`, add workers, or let results expire earlier (`result_expires`)",
    ),
    Fault.NOT_SAVING: Explanation(
        "the server takes no writing, as it cannot save",
        "its disk is full, or its folder is not writable",
        "look at the server's log, and at `df -h` there",
    ),
    Fault.ALARM: Explanation(
        "RabbitMQ takes no messages",
        "it has too little memory or disk, and holds back everyone who sends until that is over",
        "`rabbitmq-diagnostics alarms` on the server says which; `rabbitmqctl list_queues` shows what piled up",
    ),
    Fault.UNKNOWN: Explanation("it fails: {reason}", "not known", "look at the server's log"),
}


def explained(fault: Fault, target: Target, around: Surroundings, error: BaseException | None = None) -> Explanation:
    """Put a fault into words for one server, seen from where this process runs. No word of it is a secret.

    `error` is shown only where the fault is not known.
    """
    told = _beside_containers(fault, target, around) or _TABLE[fault]
    reason = target.hide(str(error)) or type(error).__name__ if error is not None else "for a reason not known"
    words = {
        "host": target.host or "localhost",
        "port": target.port or "-",
        "path": target.socket_path or "-",
        "place": f"port {target.port} of {target.host}" if target.host else target.socket_path or target.shown,
        "family": target.family,
        "scheme": target.usual_scheme,
        "encrypted_scheme": f"{target.usual_scheme}s",
        "own_scheme": target.url.partition("://")[0],
        "login_command": "`rabbitmqctl authenticate_user USER PASSWORD` tries them on the server"
        if target.family is Family.AMQP
        else "`redis-cli acl list` shows the server's users",
        "grant": _GRANT if target.family is Family.AMQP else "`redis-cli acl setuser USER ~* &* +@all` grants it all",
        "authority_option": "by `ca_certs` in the app's broker_use_ssl"
        if target.family is Family.AMQP
        else "in the address by ?ssl_ca_certs=FILE",
        "reason": reason,
        "option": _option(str(error), target),
    }
    return Explanation(*(text.format_map(words) for text in (told.detail, told.cause, told.remedy)))


def _option(reason: str, target: Target) -> str:
    """Name the option that Python says a function has no argument for, or two values, where the address shows it."""
    found = re.search(r" keyword argument '(\w+)'", reason)
    shown = target.shown.partition("?")[2]
    return f"the option {found[1]}" if found and f"{found[1]}=" in shown else "an option"


def _beside_containers(fault: Fault, target: Target, around: Surroundings) -> Explanation | None:
    """Give what is likelier than the table where a container, or the host of one, is in play."""
    detail = _TABLE[fault].detail
    if fault is Fault.REFUSED and target.loopback and around.container:
        cause = (
            f"this runs in a container ({around.sign}), in which {target.host} is the container itself,"
            " where nothing listens on this port"
        )
        remedy = f"start the broker in this container if it belongs there; {_FROM_CONTAINERS[around.container]}"
        return Explanation(detail, cause, remedy)
    if target.host not in _HOST_OF_CONTAINERS:
        return None
    if fault is Fault.NO_HOST:
        cause = "Docker on Linux knows this name only if the container was started with it, and a host never does"
        remedy = _FROM_CONTAINERS[around.container] if around.container else "write localhost on the host itself"
        return Explanation(detail, cause, remedy)
    if fault in {Fault.REFUSED, Fault.TIMEOUT}:
        cause = (
            "the broker on the host does not run, or listens on the host's 127.0.0.1 only, which no container"
            " reaches, or the host's firewall keeps containers out"
        )
        remedy = "`ss -ltn` on the host: the broker must listen on 0.0.0.0 or the bridge's address, with a password"
        return Explanation(detail, cause, remedy)
    return None
