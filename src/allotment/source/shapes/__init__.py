"""Files that teams already have, read as fleet files: each module here knows one shape."""

from collections.abc import Mapping

from allotment.source.document import Document
from allotment.source.yaml_text import read_document


def read_shape(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Read a file of any shape as a fleet file's values, each with its place in the file. Raises FileInvalid."""
    return read_document(text, file, environment)
