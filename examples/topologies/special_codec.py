"""Stands for a library that only some nodes have installed."""


def encode(text: str) -> str:
    """Give the text in plain ASCII. Raises UnicodeEncodeError for anything else."""
    return text.encode("ascii").decode("ascii")
