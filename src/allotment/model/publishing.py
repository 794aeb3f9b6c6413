"""What is said of publishing."""

from dataclasses import dataclass

TIMEOUT = 30.0
MAX_SIZE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Publishing:
    """How long a publish may take, everything included, in seconds; and the bytes a message may have."""

    timeout: float = TIMEOUT
    max_size: int = MAX_SIZE
