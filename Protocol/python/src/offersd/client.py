"""The client for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

from . import _methods
from ._socket import connected_socket
from .conversation import PATIENCE, Busy, Connect, Exchange, Failure, Lost, Silent, conversation
from .errors import Refused
from .results import Acceptance, Declination, Explanation, Health, Master, OfferDetails, OfferList
from .wire import LONGEST_REPLY, Request

_Result = TypeVar("_Result")


class Client:
    """offersd on its Unix socket.

    Calls may be made concurrently. A connection carries one call at a time, so that no answer can be mistaken for that
    of another call. A connection whose call timed out or was cancelled is closed. Idle connections are kept for the
    next calls. There is no connect method: a call connects when it has to.

    Calls raise `Refused`, `Unreachable`, `OutcomeUnknown` (writes), `TimedOut` and `ProtocolError` (reads), apart from
    `asyncio.CancelledError`. A write that was cancelled may take effect.
    """

    def __init__(self, path: str | os.PathLike[str], deadline: float = PATIENCE, *, connections: int = 200) -> None:
        """Make a client of the service at `path`.

        `deadline` is the number of seconds that a call may take, with connecting and repeating. `connections` is the
        most connections at the same time; further calls wait for one, within their deadlines.
        """
        if deadline <= 0 or connections < 1:
            raise ValueError("deadline must be more than 0, and connections at least 1")
        self._path = os.fspath(path)
        self._deadline = deadline
        self._pool = _Pool(self._path, connections)

    async def list_offers(self, master: Master, *, limit: int = 20, offset: int = 0) -> OfferList:
        """The orders that a master can accept now, newest first. `limit` is from 1 to 100."""
        return await self._perform(_methods.list_offers(master, limit, offset))

    async def get_offer(self, master: Master, order_id: int) -> OfferDetails:
        """One offer, as long as it can be accepted; otherwise `Refused` with the reason."""
        return await self._perform(_methods.get_offer(master, order_id))

    async def accept_offer(self, master: Master, order_id: int) -> Acceptance:
        """Accept an order. A result means that it is committed. The call may be repeated after any error."""
        return await self._perform(_methods.accept_offer(master, order_id))

    async def decline_offer(self, master: Master, order_id: int) -> Declination:
        """Decline an offer. A result means that it is committed. The call may be repeated after any error."""
        return await self._perform(_methods.decline_offer(master, order_id))

    async def explain_offer(self, master: Master, order_id: int | None = None) -> Explanation:
        """Why a master can or cannot take an order; without an order, why the list is as it is. It changes nothing."""
        return await self._perform(_methods.explain_offer(master, order_id))

    async def health(self) -> Health:
        """The state of the service."""
        return await self._perform(_methods.health())

    @overload
    async def metrics(self, format: Literal["json"] = "json") -> dict[str, Any]: ...

    @overload
    async def metrics(self, format: Literal["prometheus"]) -> str: ...

    async def metrics(self, format: Literal["json", "prometheus"] = "json") -> Any:
        """Counters and latencies: an object for people, or the text exposition of Prometheus."""
        return await self._perform(_methods.metrics(format))

    async def call(self, method: str, /, **params: Any) -> Any:
        """Call a method by its name on the wire, with its params, and get what JSON gives.

        What is not known to be a read is treated as a write, and so may be sent more than once.
        """
        return await self._perform(_methods.call(method, params))

    async def close(self) -> None:
        """Close the free connections, and the others when their calls have ended. No further call can be made."""
        self._pool.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _perform(self, request: Request[_Result]) -> _Result:
        """Do what the conversation asks for."""
        loop = asyncio.get_running_loop()
        if self._pool.is_closed:
            raise RuntimeError("this client is closed")
        steps = conversation(request, loop.time, self._deadline)
        connection: _Connection | None = None
        was_answered = False
        try:
            step = next(steps)
            while True:
                try:
                    outcome: object = None
                    if isinstance(step, Connect):
                        if connection is not None:
                            self._pool.take_back(connection, usable=False)
                            connection = None
                        connection = await self._pool.lend(step)
                        outcome = connection.has_answered
                    elif isinstance(step, Exchange):
                        assert connection is not None
                        outcome = await connection.exchange(step)
                    else:
                        await asyncio.sleep(step.until - loop.time())
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
                self._pool.take_back(connection, usable=was_answered)


class _Connection(asyncio.Protocol):
    """One connection: one line out, one line in, and again.

    It does not use asyncio's streams, whose lines end at 64 KiB and whose connections tell nothing while they are idle.
    """

    def __init__(self) -> None:
        self.has_answered = False
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._searched = 0
        self._waiter: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, path: str) -> _Connection:
        """Connect. Raises `NoConnection` and `Busy`."""
        # From here on the socket is the transport's, which closes it.
        _, connection = await asyncio.get_running_loop().create_unix_connection(cls, sock=connected_socket(path))
        return connection

    async def exchange(self, step: Exchange) -> bytes:
        """Send a line and wait for one. Raises `Lost` and `Silent`, after which the connection must not be used."""
        loop = asyncio.get_running_loop()
        if self.is_lost or self._transport is None or self._received:
            raise Lost("the connection is lost")
        waiter: asyncio.Future[bytes] = loop.create_future()
        self._waiter = waiter
        timer = loop.call_at(step.until, _fail, waiter, Silent("no answer in time"))
        try:
            self._transport.write(step.line)
            line = await waiter
        finally:
            timer.cancel()
            self._waiter = None
        self.has_answered = True
        return line

    def abort(self) -> None:
        """Close at once, whatever has not been sent or read."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._received += data
        end = self._received.find(b"\n", self._searched)
        self._searched = len(self._received)
        is_awaited = self._waiter is not None and not self._waiter.done()
        if not is_awaited or (end < 0 and len(self._received) > LONGEST_REPLY):
            # A line that no request asked for, or one without an end.
            self._lose()
        elif end >= 0:
            line = bytes(self._received[:end])
            # What follows was not asked for: the next exchange finds it, and does not use this connection.
            del self._received[: end + 1]
            self._searched = 0
            assert self._waiter is not None
            self._waiter.set_result(line)

    def eof_received(self) -> None:
        """Called by asyncio. The service has closed; half a line is none."""
        self._lose()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._lose()

    @property
    def is_clean(self) -> bool:
        """Whether another call can be made on it."""
        return not self.is_lost and not self._received and self._waiter is None

    def _lose(self) -> None:
        if self._waiter is not None:
            _fail(self._waiter, Lost("the connection ended before the answer came"))
        if not self.is_lost:
            self.abort()


class _Pool:
    """The connections of a client: those that are free, and the number of those that are not."""

    MOST_FREE = 16

    def __init__(self, path: str, most: int) -> None:
        self.is_closed = False
        self._path = path
        self._most = most
        self._used = 0
        self._free: list[_Connection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def lend(self, step: Connect) -> _Connection:
        """A connection for one call. Raises `NoConnection`, `Busy`."""
        self._use_this_loop()
        await self._place(step.until)
        try:
            while self._free and not step.new:
                connection = self._free.pop()
                if connection.is_clean:
                    return connection
                connection.abort()
            return await _Connection.open(self._path)
        except BaseException:
            self._leave()
            raise

    def take_back(self, connection: _Connection, *, usable: bool) -> None:
        """What was lent; it is kept if its call has ended as it should."""
        if usable and connection.is_clean and not self.is_closed and len(self._free) < self.MOST_FREE:
            self._free.append(connection)
        else:
            connection.abort()
        self._leave()

    def close(self) -> None:
        """Close what is free, and keep nothing from now on."""
        self.is_closed = True
        while self._free:
            self._free.pop().abort()

    async def _place(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while self._used >= self._most:
            waiter: asyncio.Future[None] = loop.create_future()
            timer = loop.call_at(until, _fail, waiter, Busy("all connections of this client are in use"))
            self._waiting.append(waiter)
            try:
                await waiter
            except BaseException:
                # A place that was given to this call, which cannot use it any more, is the next one's.
                if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                    self._wake_one()
                raise
            finally:
                timer.cancel()
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
        self._used += 1

    def _leave(self) -> None:
        self._used -= 1
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _use_this_loop(self) -> None:
        """Connections belong to a loop, and a client may outlive one (`asyncio.run` twice)."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._used = 0
            self._free.clear()
            self._waiting.clear()


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
