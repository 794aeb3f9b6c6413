"""Certificates made by the program `openssl`: an authority, and servers' certificates that are good or not."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

# dates of a certificate are whole seconds of UTC
NOW = datetime.now(UTC).replace(microsecond=0)
GOOD_UNTIL = NOW + timedelta(days=90)
SOON = NOW + timedelta(days=3)
PAST = NOW - timedelta(days=1)

_SETTINGS = """\
[ca]
default_ca = papers
[papers]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = policy
rand_serial = yes
unique_subject = no
[policy]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[local]
subjectAltName = DNS:localhost,IP:127.0.0.1
authorityKeyIdentifier = keyid:always
[elsewhere]
subjectAltName = DNS:rabbit.example.org
authorityKeyIdentifier = keyid:always
[req]
distinguished_name = name
[name]
"""


@dataclass(frozen=True)
class Papers:
    """A folder with `authority.pem`, `key.pem` of all servers, and a certificate for each of the names below."""

    folder: Path

    def path(self, name: str) -> str:
        """Give the path of a file."""
        return str(self.folder / name)


def require_openssl() -> None:
    """Skip the test where there is no `openssl`; fail it where CI is set."""
    if shutil.which("openssl"):
        return
    reason = "openssl is not installed, and certificates cannot be made"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def make_papers(folder: Path) -> Papers:
    """Make them; a server that runs as another user can read them all."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, text=True)

    (folder / "settings").write_text(_SETTINGS)
    (folder / "index.txt").touch()
    authority = ("-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=Test authority")
    extensions = ("-config", "settings", "-extensions", "authority")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", *extensions, *authority)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "asked.pem", "-subj", "/CN=a server")
    for name, names, ends in (
        ("good", "local", GOOD_UNTIL),
        ("soon", "local", SOON),
        ("expired", "local", PAST),
        ("elsewhere", "elsewhere", GOOD_UNTIL),
        ("lapsed", "elsewhere", PAST),
    ):
        openssl(
            *("ca", "-batch", "-notext", "-config", "settings", "-extensions", names),
            *("-cert", "authority.pem", "-keyfile", "authority.key", "-in", "asked.pem", "-out", f"{name}.pem"),
            *("-startdate", f"{NOW - timedelta(days=30):%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}"),
        )
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    return Papers(folder)
