"""What a call does next, and how it ends: the rules of repetition, without I/O and in one place.

`conversation` is a generator. It yields what is to be done (`Connect`, `Exchange`, `Pause`); the shell does it, and
sends back what came of it, or throws one of the failures below into it. `offersd.Client` and `offersd.blocking.Client`
are such shells.

The rules:

- A write is sent only on a connection that has answered a request. systemd may hold the socket of a service that cannot
  start, and take connections and bytes that the service carries out much later. So a new connection is tried with a
  read. If that is not answered, nothing was sent that could take effect.
- A write whose answer is lost is sent again on a new connection, until the deadline. The repetition is harmless, and
  tells the outcome.
- From then on only a success, or a refusal about the order or the master, ends the call. "Nothing was done" is about
  the repetition, and so is a service that cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import OffersdError, OutcomeUnknown, ProtocolError, Refused, TimedOut, Unreachable
from .wire import PROBE, VERDICTS, Request, Violation

_Result = TypeVar("_Result")

PATIENCE = 6.0
"""Seconds that a call may take. The service answers a write within 5 s."""

_SILENCE = 3.0
"""Seconds that a read may take. The service answers it within 2 s."""

_LAST_EIGHTH = 7 / 8
"""The share of the deadline after which a write is repeated on a new connection."""

_PAUSE = 0.05
"""Seconds between two attempts."""


@dataclass(frozen=True)
class Connect:
    """Get a connection: one that has answered and is free, or a new one. What comes back is whether it has answered."""

    new: bool
    """Whether it has to be a new one."""
    until: float


@dataclass(frozen=True)
class Exchange:
    """Send a line on that connection and wait for one. It comes back without its line end."""

    line: bytes
    until: float


@dataclass(frozen=True)
class Pause:
    """Wait. The connection is not used again."""

    until: float


Step = Connect | Exchange | Pause


class Failure(Exception):
    """Why a step failed."""


class NoConnection(Failure):
    """The socket cannot be connected to."""


class Busy(Failure):
    """No connection is free at the moment."""


class Lost(Failure):
    """The connection ended, or brought a malformed line, before the reply."""


class Silent(Failure):
    """The reply did not come in time."""


def conversation(
    request: Request[_Result], clock: Callable[[], float], patience: float
) -> Generator[Step, Any, _Result]:
    """Make one call. It ends with the result, or raises one of the errors of this package.

    `clock` gives seconds, `patience` is how many of them there are.
    """
    start = clock()
    end = start + patience
    until_heard = min(end, start + _SILENCE)
    ask_again = start + patience * _LAST_EIGHTH
    may_be_done = False
    new = False
    while True:
        failure: Exception
        verdict: OffersdError
        answered = False
        try:
            answered = yield Connect(new, end if may_be_done else until_heard)
            if request.writes and not answered:
                yield from _probe(end if may_be_done else until_heard)
            if request.writes:
                line = yield Exchange(request.line, end if may_be_done else ask_again)
            else:
                line = yield Exchange(request.line, until_heard)
            return request.result(line)
        except _Unserved as unserved:
            # The write was not sent in this attempt.
            failure, verdict, again = unserved.failure, unserved.verdict, unserved.again
        except (NoConnection, Busy) as error:
            failure, verdict, again = error, Unreachable(str(error)), isinstance(error, Busy)
        except Refused as refusal:
            if refusal.reason in VERDICTS:
                raise
            if request.writes and refusal.reason == "OUTCOME_UNKNOWN":
                may_be_done = True
            failure, verdict, again = refusal, refusal, refusal.reason == "SHUTTING_DOWN"
        except (Lost, Silent, Violation) as error:
            failure = error
            may_be_done = may_be_done or request.writes
            verdict, again = _verdict_on_read(error, answered)
        new = True
        limit = end if may_be_done else until_heard
        if clock() + _PAUSE < limit and (again or may_be_done):
            yield Pause(clock() + _PAUSE)
        elif may_be_done:
            raise OutcomeUnknown("the write was sent, and no answer told what became of it") from failure
        else:
            raise verdict from failure


def _verdict_on_read(error: Lost | Silent | Violation, answered: bool) -> tuple[OffersdError, bool]:
    """The error of a read that failed, and whether to try it again."""
    if isinstance(error, Violation):
        return ProtocolError(f"the service does not speak this protocol: {error}"), False
    if isinstance(error, Silent):
        if answered:
            return TimedOut("the service did not answer in time"), False
        return Unreachable("the socket takes connections, and nothing answers there"), False
    return Unreachable("the service closes its connections without an answer"), True


class _Unserved(Exception):
    """A new connection that is not served. Only a read was sent."""

    def __init__(self, failure: Exception, verdict: OffersdError, again: bool) -> None:
        self.failure, self.verdict, self.again = failure, verdict, again


def _probe(until: float) -> Generator[Step, Any, None]:
    """See whether a new connection is served."""
    try:
        PROBE.result((yield Exchange(PROBE.line, until)))
    except Refused as refusal:
        # Any other refusal is an answer as good as a result.
        if refusal.reason in ("OVERLOADED", "SHUTTING_DOWN"):
            raise _Unserved(refusal, refusal, refusal.reason == "SHUTTING_DOWN") from None
    except (Lost, Silent, Violation) as error:
        raise _Unserved(error, *_verdict_on_read(error, answered=False)) from None
