"""Where a host is, as far as its name or address tells."""

from ipaddress import ip_address, ip_network

_CLUSTER = (".svc", ".svc.cluster.local", ".localhost")
"""How names end that are known in one cluster, or on one machine, alone."""
_PRIVATE = (".internal", ".local", ".lan", ".home.arpa", ".consul", *_CLUSTER)
"""How names end that no public name server knows."""
_NETWORKS = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"))
)
"""The addresses that lead nowhere on the internet (RFC 1918, 3927, 4193 and 4291)."""


def is_near(host: str) -> bool:
    """Say whether a host is this machine, or known in one network alone: a name without dots, a cluster's service."""
    if host.startswith("127.") or host in {"::1", "0.0.0.0", "host.docker.internal"}:  # noqa: S104 - no address to bind
        return True
    return host.endswith(_CLUSTER) or not {".", ":"}.intersection(host)


def is_private(host: str) -> bool:
    """Say whether a host is near, or has a name or an address of a private network."""
    name = host.lower().rstrip(".")
    return is_near(name) or name.endswith(_PRIVATE) or _has_private_address(name)


def _has_private_address(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in _NETWORKS)
