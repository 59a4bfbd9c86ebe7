"""Why a call gave no result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class OffersdError(Exception):
    """Any of the errors below."""


class Refused(OffersdError):
    """The service said no.

    The README of the protocol has the table of reasons. For a write that was repeated, a refusal is about the order or
    the master, and so tells what became of it.
    """

    def __init__(self, code: int, reason: str, message: str, data: Mapping[str, Any]) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        """The number that belongs to the reason."""
        self.reason = reason
        """The stable name, such as ``ORDER_TAKEN``."""
        self.message = message
        """A sentence for people, which can change."""
        self.data = data
        """``reason``, ``retryable``, and what else belongs to the reason."""

    @property
    def retryable(self) -> bool:
        """Whether the same call, made again, can succeed without any repair."""
        return self.data.get("retryable") is True


class Unreachable(OffersdError):
    """Nothing was sent that can take effect.

    There is no socket, or nothing serves it: it is silent, although nothing but reads was sent to it.
    """


class OutcomeUnknown(OffersdError):
    """A write was sent, and no answer told what became of it.

    It may have taken effect, or may take effect later. Making the same call again is safe, and tells.
    """


class TimedOut(OffersdError):
    """A read was not answered in time, by a service that had answered before."""


class ProtocolError(OffersdError):
    """What came back is no answer of this protocol. Only reads end so; a write is `OutcomeUnknown`."""
