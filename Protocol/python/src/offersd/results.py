"""The results of the methods, as values.

The members are those of ``Protocol/README.md``, written with underscores. Members of later versions are ignored.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class TelegramUser:
    """A master by the Telegram user id. A plain integer is a ``masterId``."""

    id: int


Master = int | TelegramUser
"""What names a master: ``masters.id``, or the Telegram user."""


@dataclass(frozen=True)
class Timeslot:
    """When the client expects the master. Of the two ends one may be missing."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Offer:
    """An entry of the list."""

    offer_id: int
    order_id: int
    round: int
    state: str
    category: str | None
    city: str
    district: str | None
    timezone: str | None
    timeslot: Timeslot | None
    sent_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class OfferCard(Offer):
    """An offer with its address down to the house."""

    street: str | None
    house: str | None
    description: str | None


@dataclass(frozen=True)
class OfferList:
    """A page of the orders that a master can accept."""

    master_id: int
    total: int
    as_of: datetime | None
    offers: list[Offer]


@dataclass(frozen=True)
class OfferDetails:
    """One offer, which can be accepted."""

    master_id: int
    as_of: datetime | None
    offer: OfferCard


@dataclass(frozen=True)
class AcceptedOrder:
    """An order that is the master's, with the client's data."""

    order_id: int
    category: str | None
    city: str
    district: str | None
    timezone: str | None
    timeslot: Timeslot | None
    street: str | None
    house: str | None
    description: str | None
    status: str
    apartment: str | None
    address_comment: str | None
    client_name: str | None
    client_phone: str | None
    version: int


@dataclass(frozen=True)
class Acceptance:
    """The order is the master's, and that is committed."""

    master_id: int
    order_id: int
    offer_id: int | None
    already_accepted: bool
    """Whether it was this master's before this call, or before its repetition."""
    accepted_at: datetime | None
    order: AcceptedOrder


@dataclass(frozen=True)
class Declination:
    """The offer is declined, and that is committed."""

    master_id: int
    order_id: int
    offer_id: int
    already_declined: bool


@dataclass(frozen=True)
class AcceptForecast:
    """What accepting would be answered."""

    possible: bool
    reason: str | None
    """The refusal's reason; of a success ``ALREADY_YOURS``, or None if it would assign the order."""


@dataclass(frozen=True)
class MasterState:
    """How a master stands."""

    master_id: int
    blocked: bool
    active: bool
    deleted: bool
    verified: bool
    moderation_status: str
    active_orders: int
    limit: int
    """0 is any number."""
    limit_from: str
    """``override``, ``setting`` or ``default``."""


@dataclass(frozen=True)
class OrderState:
    """How an order stands."""

    status: str
    assigned_master_id: int | None
    version: int
    deferred: bool


@dataclass(frozen=True)
class OfferRecord:
    """An offer of an order to a master, in whatever state."""

    offer_id: int
    round: int
    state: str
    sent_at: datetime | None
    expires_at: datetime | None
    expired: bool
    responded_at: datetime | None


@dataclass(frozen=True)
class StatusChange:
    """A change of an order's status. Of the reasons it has those that programs write."""

    at: datetime | None
    from_: str | None
    to: str
    reason: str | None
    actor: str | None


@dataclass(frozen=True)
class Explanation:
    """Why a master can or cannot take an order; without an order, why the list is as it is."""

    master_id: int | None
    order_id: int | None
    as_of: datetime | None
    accept: AcceptForecast | None
    listed: bool | None
    master: MasterState | None
    order: OrderState | None
    offers: list[OfferRecord]
    history: list[StatusChange] | None
    """None also where the service may not read it."""
    not_listed: dict[str, int] | None
    """How many open offers are not in the list, by reason; None with an order."""


@dataclass(frozen=True)
class DatabaseHealth:
    """What the service knows about its database."""

    reachable: bool
    read_only: bool | None
    server_version: str | None
    generation: str | None
    missing: list[str]
    server_time: datetime | None
    connections: int
    last_error: str | None
    last_error_at: datetime | None
    notes: list[str]


@dataclass(frozen=True)
class Health:
    """The state of the service."""

    status: str
    """``ok``, ``degraded`` or ``down``."""
    database: DatabaseHealth
    uptime_seconds: int
    version: str


def decode(kind: type[_Result], value: object) -> _Result:
    """Make a result of what `json.loads` gave.

    Raises `ValueError`, which names the member and no value, if it is not of this kind.
    """
    reader: _Reader = _reader(typing.cast(Any, kind))
    return typing.cast(_Result, reader(value, "result"))


_Reader = Callable[[object, str], Any]


@cache
def _reader(kind: Any) -> _Reader:
    if isinstance(kind, types.UnionType):
        (inner,) = (argument for argument in typing.get_args(kind) if argument is not types.NoneType)
        read = _reader(inner)
        return lambda value, name: None if value is None else read(value, name)
    if typing.get_origin(kind) is list:
        read = _reader(typing.get_args(kind)[0])
        return lambda value, name: [read(item, name) for item in _checked(value, list, name)]
    if typing.get_origin(kind) is dict:
        read = _reader(typing.get_args(kind)[1])
        return lambda value, name: {key: read(item, name) for key, item in _checked(value, dict, name).items()}
    if kind is datetime:
        return _time
    if is_dataclass(kind):
        return _object_reader(typing.cast(type, kind))
    return lambda value, name: _checked(value, kind, name)


def _object_reader(kind: type) -> _Reader:
    hints = typing.get_type_hints(kind)
    members = [(field.name, wire_name(field.name), _reader(hints[field.name])) for field in fields(kind)]

    def read(value: object, name: str) -> Any:
        source = _checked(value, dict, name)
        try:
            return kind(**{own: read(source[wire], wire) for own, wire, read in members})
        except KeyError as missing:
            raise ValueError(f"{name} has no {missing.args[0]}") from None

    return read


def _checked(value: object, kind: type, name: str) -> Any:
    # In Python true is an integer, in JSON it is not.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{name} is not of the type {kind.__name__}")
    return value


def _time(value: object, name: str) -> datetime | None:
    text = _checked(value, str, name)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        # The year 0000 is a time for Postgres and none for Python.
        if text.startswith("0000-"):
            return None
        raise ValueError(f"{name} is no time") from None


def wire_name(name: str) -> str:
    """The member's name on the wire: ``sent_at`` is ``sentAt``, and ``from_`` is ``from``."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)
