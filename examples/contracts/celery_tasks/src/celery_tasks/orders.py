"""The types that travel. Each arrives as what it was."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from uuid import UUID

from pydantic import BaseModel


class Country(Enum):
    """Where an order is sent."""

    GERMANY = "DE"
    FRANCE = "FR"


class Speed(Enum):
    """How soon an order should arrive."""

    STANDARD = "standard"
    EXPRESS = "express"


@dataclass(frozen=True)
class Line:
    """One product of an order."""

    product: str
    quantity: int
    price: Decimal


@dataclass(frozen=True)
class Order:
    """What a customer wants, and where."""

    id: UUID
    ordered: date
    country: Country
    lines: tuple[Line, ...]


class Receipt(BaseModel):
    """What becomes of an order."""

    order: UUID
    total: Decimal
    delivered: date
    note: str | None = None
