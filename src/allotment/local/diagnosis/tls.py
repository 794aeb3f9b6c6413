"""The step of TLS: the handshake as strictly as can be, and what becomes of it for the client that will connect."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from allotment.local.diagnosis.causes import explained
from allotment.local.diagnosis.certificate import Certificate, read_certificate
from allotment.local.diagnosis.check import Check, Status, Stopwatch
from allotment.local.diagnosis.faults import Fault, fault_of
from allotment.local.diagnosis.greeting import Spoken, answers, greeted, spoken
from allotment.local.diagnosis.network import Look, connected, hang_up
from allotment.local.diagnosis.target import Family
from allotment.local.diagnosis.tls_options import TlsOptions, asks_in_url

ENDS_SOON = timedelta(days=14)

_OF_THE_CERTIFICATE = frozenset({Fault.UNTRUSTED, Fault.EXPIRED, Fault.NOT_YET_VALID, Fault.OTHER_NAME})
_MAYBE_PLAIN = frozenset({Fault.PLAIN_SERVER, Fault.TIMEOUT, Fault.CLOSED, Fault.TLS_OTHER})
_SHOWN_NAMES = 4


@dataclass(frozen=True, slots=True)
class Shaken:
    """A handshake that went through: the protocol's version, and the server's certificate."""

    version: str
    certificate: Certificate

    def __str__(self) -> str:
        names = self.certificate.names
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        ends = self.certificate.ends
        return (
            f"{self.version}, certificate for {', '.join(names[:_SHOWN_NAMES])}{more},"
            f" issued by {self.certificate.issuer or 'nobody named'}, until {ends:%Y-%m-%d}"
        )


class _Refused(Exception):
    """A handshake that did not go through."""

    def __init__(self, fault: Fault, error: BaseException | None = None) -> None:
        super().__init__(fault.name)
        self.fault = fault
        self.error = error


def handshake(look: Look, options: TlsOptions) -> Check:
    """Shake hands with every check that there is; where the certificate fails one that the client makes, it fails.

    Where the client makes no such check, it is a warning: whoever stands in between is not noticed.
    """
    watch = Stopwatch()
    if look.target.family is Family.AMQP and asks_in_url(look.target):
        return look.failed("TLS", Fault.TLS_IN_URL)
    try:
        shaken, fault = _as_far_as_it_goes(look, options)
    except _Refused as refused:
        return look.failed("TLS", refused.error or refused.fault, watch)
    if fault is not None:
        told = explained(fault, look.target, look.around)
        status = Status.FAILED if options.heeds(fault) else Status.WARNING
        cause = (
            told.cause if options.heeds(fault) else f"{told.cause}; Celery connects all the same: {options.lenience}"
        )
        return Check("TLS", status, f"{told.detail} ({shaken})", cause, told.remedy, watch.milliseconds)
    left = shaken.certificate.ends - datetime.now(UTC)
    if left < ENDS_SOON:
        return Check(
            "TLS",
            Status.WARNING,
            f"{shaken}, which is in {left.days} days",
            "it was not renewed yet",
            "renew it on the server, and have the server read it again",
            watch.milliseconds,
        )
    return Check("TLS", Status.OK, str(shaken), milliseconds=watch.milliseconds)


def _as_far_as_it_goes(look: Look, options: TlsOptions) -> tuple[Shaken, Fault | None]:
    """Shake hands strictly, then without the check of the name, then without any: to see all that is wrong at once."""
    try:
        return _shaken(look, _context(options, names=True)), None
    except _Refused as refused:
        if refused.fault not in _OF_THE_CERTIFICATE:
            raise _seen_closer(look, refused) from None
        fault = refused.fault
    shaken = _shaken(look, _context(options, checks=False))
    if fault is Fault.OTHER_NAME:
        try:
            _shaken(look, _context(options))
        except _Refused as worse:
            fault = worse.fault
    return shaken, fault


def _seen_closer(look: Look, refused: _Refused) -> _Refused:
    """Say of a handshake that was not answered as one what the server speaks instead."""
    if refused.fault not in _MAYBE_PLAIN:
        return refused
    found = spoken(look.target, look.timeout / 2)
    instead = {Spoken.PLAIN: Fault.PLAIN_SERVER, Spoken.OTHER: Fault.OTHER_PROTOCOL, Spoken.NOTHING: Fault.SILENT}
    return _Refused(instead[found]) if found in instead else refused


def _context(options: TlsOptions, *, checks: bool = True, names: bool = False) -> ssl.SSLContext:
    """Make what a handshake goes by. Raises _Refused where a file of the options cannot be used."""
    try:
        context = ssl.create_default_context(cafile=options.authorities)
        if options.certificate:
            context.load_cert_chain(options.certificate, options.key)
    except OSError:
        raise _Refused(Fault.TLS_FILE) from None
    if not options.strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = names
    context.verify_mode = ssl.CERT_REQUIRED if checks else ssl.CERT_NONE
    return context


def _shaken(look: Look, context: ssl.SSLContext) -> Shaken:
    """Shake hands and greet: a server may refuse a client's certificate only after the handshake (RFC 8446, 4.4.2.4).

    Raises _Refused.
    """
    target = look.target
    try:
        connection = connected(target, look.timeout / 2)
    except OSError as error:
        raise _Refused(fault_of(error), error) from None
    try:
        connection = wrapped = context.wrap_socket(connection, server_hostname=target.host)
        encoded = wrapped.getpeercert(binary_form=True) or b""
        found = Shaken(wrapped.version() or "TLS", read_certificate(encoded))
        _greet(look, wrapped)
        return found
    except OSError as error:  # before ValueError, which a failed check of a certificate is too
        raise _Refused(fault_of(error), error) from None
    except ValueError:
        raise _Refused(Fault.TLS_OTHER) from None
    finally:
        hang_up(connection)


def _greet(look: Look, connection: ssl.SSLSocket) -> None:
    """Greet within TLS, where a server that is not content with the client says nothing or hangs up."""
    try:
        answer = greeted(connection, look.target.family)
    except TimeoutError:
        raise _Refused(Fault.SILENT) from None
    except OSError:
        raise _Refused(Fault.CLIENT_CERTIFICATE) from None
    if not answer:
        raise _Refused(Fault.CLIENT_CERTIFICATE)
    if not answers(look.target.family, answer):
        raise _Refused(Fault.OTHER_PROTOCOL)
