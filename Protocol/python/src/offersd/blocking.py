"""The same client for scripts: every call blocks."""

from __future__ import annotations

import os
import selectors
import socket
import time
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

from . import _methods
from ._socket import connected_socket
from .conversation import PATIENCE, Connect, Exchange, Failure, Lost, Silent, conversation
from .errors import Refused
from .results import Acceptance, Declination, Explanation, Health, Master, OfferDetails, OfferList
from .wire import LONGEST_REPLY, Request

_Result = TypeVar("_Result")


class Client:
    """offersd on its Unix socket, as `offersd.Client`, whose rules and errors hold here, too.

    Threads may share it: each call has a connection of its own. After a fork each process connects by itself.
    """

    def __init__(self, path: str | os.PathLike[str], deadline: float = PATIENCE) -> None:
        """Make a client of the service at `path`; `deadline` is how many seconds a call may take in all."""
        if deadline <= 0:
            raise ValueError("deadline must be more than 0")
        self._path = os.fspath(path)
        self._deadline = deadline
        self._free: list[_Connection] = []
        self._is_closed = False

    def list_offers(self, master: Master, *, limit: int = 20, offset: int = 0) -> OfferList:
        """The orders that a master can accept now, newest first. `limit` is from 1 to 100."""
        return self._perform(_methods.list_offers(master, limit, offset))

    def get_offer(self, master: Master, order_id: int) -> OfferDetails:
        """One offer, as long as it can be accepted; otherwise `Refused` with the reason."""
        return self._perform(_methods.get_offer(master, order_id))

    def accept_offer(self, master: Master, order_id: int) -> Acceptance:
        """Accept an order. A result means that it is committed. The call may be repeated after any error."""
        return self._perform(_methods.accept_offer(master, order_id))

    def decline_offer(self, master: Master, order_id: int) -> Declination:
        """Decline an offer. A result means that it is committed. The call may be repeated after any error."""
        return self._perform(_methods.decline_offer(master, order_id))

    def explain_offer(self, master: Master, order_id: int | None = None) -> Explanation:
        """Why a master can or cannot take an order; without an order, why the list is as it is. It changes nothing."""
        return self._perform(_methods.explain_offer(master, order_id))

    def health(self) -> Health:
        """The state of the service."""
        return self._perform(_methods.health())

    @overload
    def metrics(self, format: Literal["json"] = "json") -> dict[str, Any]: ...

    @overload
    def metrics(self, format: Literal["prometheus"]) -> str: ...

    def metrics(self, format: Literal["json", "prometheus"] = "json") -> Any:
        """Counters and latencies: an object for people, or the text exposition of Prometheus."""
        return self._perform(_methods.metrics(format))

    def call(self, method: str, /, **params: Any) -> Any:
        """Call a method by its name on the wire; see `offersd.Client.call`."""
        return self._perform(_methods.call(method, params))

    def close(self) -> None:
        """Close the connections. No further call can be made."""
        self._is_closed = True
        while self._free:
            self._free.pop().close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _perform(self, request: Request[_Result]) -> _Result:
        """Do what the conversation asks for."""
        if self._is_closed:
            raise RuntimeError("this client is closed")
        steps = conversation(request, time.monotonic, self._deadline)
        connection: _Connection | None = None
        was_answered = False
        try:
            step = next(steps)
            while True:
                try:
                    outcome: object = None
                    if isinstance(step, Connect):
                        if connection is not None:
                            connection.close()
                            connection = None
                        connection = self._connection(step)
                        outcome = connection.has_answered
                    elif isinstance(step, Exchange):
                        assert connection is not None
                        outcome = connection.exchange(step)
                    else:
                        time.sleep(max(0.0, step.until - time.monotonic()))
                except Failure as failure:
                    step = steps.throw(failure)
                else:
                    step = steps.send(outcome)
        except StopIteration as end:
            was_answered = True
            result: _Result = end.value
            return result
        except Refused:
            was_answered = True
            raise
        finally:
            steps.close()
            if connection is not None:
                self._take_back(connection, usable=was_answered)

    def _connection(self, step: Connect) -> _Connection:
        while not step.new:
            # Another thread may be faster.
            try:
                connection = self._free.pop()
            except IndexError:
                break
            if connection.is_clean():
                return connection
            connection.close()
        return _Connection(connected_socket(self._path))

    def _take_back(self, connection: _Connection, *, usable: bool) -> None:
        if usable and not self._is_closed and len(self._free) < 16:
            self._free.append(connection)
        else:
            connection.close()


class _Connection:
    """One connection: one line out, one line in, and again."""

    def __init__(self, unix: socket.socket) -> None:
        self.has_answered = False
        self._socket = unix
        self._received = bytearray()
        self._process = os.getpid()

    def is_clean(self) -> bool:
        """Whether another call can be made on it: it is open, and no line came that no request asked for."""
        if self._received or self._process != os.getpid():
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def exchange(self, step: Exchange) -> bytes:
        """Send a line and wait for one. Raises `Lost` and `Silent`, after which the connection must not be used."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_WRITE)
            try:
                self._send(step, selector)
                selector.modify(self._socket, selectors.EVENT_READ)
                line = self._receive(step, selector)
            except (BrokenPipeError, ConnectionError) as error:
                raise Lost("the connection ended before the answer came") from error
        self.has_answered = True
        return line

    def close(self) -> None:
        """Close it, whatever has not been read."""
        self._socket.close()

    def _send(self, step: Exchange, selector: selectors.BaseSelector) -> None:
        unsent = memoryview(step.line)
        while unsent:
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except BlockingIOError:
                _wait(selector, step.until)

    def _receive(self, step: Exchange, selector: selectors.BaseSelector) -> bytes:
        searched = 0
        while True:
            try:
                chunk = self._socket.recv(1 << 18)
            except BlockingIOError:
                _wait(selector, step.until)
                continue
            self._received += chunk
            end = self._received.find(b"\n", searched)
            searched = len(self._received)
            if end >= 0:
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                return line
            if not chunk or searched > LONGEST_REPLY:
                raise Lost("the connection ended before the answer came")


def _wait(selector: selectors.BaseSelector, until: float) -> None:
    remaining = until - time.monotonic()
    if remaining <= 0 or not selector.select(remaining):
        raise Silent("no answer in time")
