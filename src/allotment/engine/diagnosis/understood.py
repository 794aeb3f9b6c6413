"""Whether kombu and Celery know what to make of an address, which they are asked without a connection."""

from celery.app.backends import by_url
from kombu import Connection

from allotment.local.diagnosis.faults import Fault, fault_of


def broker_fault(url: str) -> Exception | Fault | None:
    """Say what keeps kombu from making a connection to a broker of this address; None: it knows what to do.

    Its scheme names the transport, its query gives arguments to `kombu.Connection`.
    """
    try:
        connection = Connection(url)
        _ = connection.transport
    except (KeyError, ValueError) as error:  # also for a value that an option cannot have
        return error if fault_of(error) is Fault.NO_TRANSPORT else Fault.BAD_OPTION
    except Exception as error:  # noqa: BLE001 - each transport has its own way to say what it needs
        return error
    # it stays text, of which no socket makes a time
    return Fault.BAD_OPTION if isinstance(connection.connect_timeout, str) else None


def results_fault(url: str) -> Exception | Fault | None:
    """Say what keeps Celery from finding the class for a result backend's address; None: it knows one.

    A scheme that Celery does not know is taken for the name of a module. Options are the class's own.
    """
    try:
        by_url(url)
    except ModuleNotFoundError as error:
        scheme = url.partition("://")[0].partition("+")[0]
        return Fault.NO_BACKEND if f"{scheme}.".startswith(f"{error.name}.") else error
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None
