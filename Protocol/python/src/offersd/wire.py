"""Requests and replies as lines: JSON-RPC 2.0, one JSON text per line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .errors import Refused
from .results import Master, TelegramUser

_Result = TypeVar("_Result")

LONGEST_REPLY = 64 << 20
"""Bytes. A reply holds at most 100 offers, or one order with texts of any length."""

READS = frozenset({"listOffers", "getOffer", "explainOffer", "health", "metrics", "rpc.discover"})
"""What changes nothing, however often and whenever it is carried out. Any other method counts as a write."""

VERDICTS = frozenset(
    {
        "MASTER_NOT_FOUND",
        "MASTER_BLOCKED",
        "MASTER_NOT_ACTIVE",
        "LIMIT_REACHED",
        "OFFER_NOT_FOUND",
        "OFFER_EXPIRED",
        "OFFER_DECLINED",
        "OFFER_CANCELED",
        "ORDER_TAKEN",
        "ORDER_NOT_AVAILABLE",
        "ALREADY_YOURS",
    }
)
"""The reasons for which the database was asked: they tell how order and master stand."""


class Violation(Exception):
    """A line that is no reply of this protocol to this request."""


@dataclass(frozen=True)
class Request(Generic[_Result]):
    """One call: what is sent, and what is made of its result."""

    method: str
    params: Mapping[str, Any]
    decode: Callable[[object], _Result]

    @property
    def writes(self) -> bool:
        """Whether it may change anything."""
        return self.method not in READS

    @property
    def line(self) -> bytes:
        """The request with its line end. The id is always the same: a connection carries one call at a time."""
        request = {"jsonrpc": "2.0", "id": 1, "method": self.method, "params": dict(self.params)}
        return json.dumps(request, allow_nan=False, separators=(",", ":")).encode() + b"\n"

    def result(self, line: bytes) -> _Result:
        """Read the reply. Raises `Refused`, or `Violation` when it is no reply to this request."""
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            raise Violation("a line that is no JSON") from None
        if not isinstance(reply, dict) or reply.get("jsonrpc") != "2.0" or "id" not in reply:
            raise Violation("a line that is no reply of JSON-RPC 2.0")
        if "error" in reply and "result" not in reply and _is_id(reply["id"], or_none=True):
            raise _refusal(reply["error"])
        if "result" not in reply or "error" in reply or not _is_id(reply["id"]):
            raise Violation("a reply that is not to this request")
        try:
            return self.decode(reply["result"])
        except ValueError as error:
            raise Violation(str(error)) from None


def _is_id(value: object, *, or_none: bool = False) -> bool:
    # What the service cannot read it refuses without an id.
    return (type(value) is int and value == 1) or (or_none and value is None)


def _refusal(error: object) -> Exception:
    if isinstance(error, dict):
        code, message, data = error.get("code"), error.get("message"), error.get("data")
        if type(code) is int and isinstance(message, str) and isinstance(data, dict):
            reason = data.get("reason")
            if isinstance(reason, str):
                return Refused(code, reason, message, data)
    return Violation("an error without a reason")


PROBE: Request[object] = Request("metrics", {}, lambda result: result)
"""The read that tells whether a new connection is served. It does not ask the database."""


def master_params(master: Master) -> dict[str, Any]:
    """The params that name a master."""
    if isinstance(master, TelegramUser):
        return {"telegramUserId": master.id}
    return {"masterId": master}
