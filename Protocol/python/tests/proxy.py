"""A proxy between client and offersd that loses things, and services that are none."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable

LIMIT = 64 << 20
Fault = Callable[[bytes], Awaitable[bytes | None]]


async def lose(_: bytes) -> None:
    """Loses the answer, and the connection."""


async def halve(line: bytes) -> bytes:
    """Half a line, and the end of the connection."""
    return line[: len(line) // 2]


async def swallow(_: bytes) -> bytes:
    """Loses the answer, and keeps the connection."""
    return b""


async def garble(_: bytes) -> bytes:
    """Something that is no answer."""
    return b"HTTP/1.1 400 Bad Request\r\n"


class Proxy:
    """Passes lines on. `faults` maps a method to what becomes of the answers to it, the next one first."""

    def __init__(self, path: str, upstream: str) -> None:
        self.path, self._upstream = path, upstream
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[str] = []
        self.most_open = 0
        self._open = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LIMIT)

    async def stop(self) -> None:
        """Take the socket away."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            service, upstream = await asyncio.open_unix_connection(self._upstream, limit=LIMIT)
        except OSError:
            writer.transport.abort()
            self._open -= 1
            return
        try:
            while line := await reader.readline():
                method = line.split(b'"method":"')[1].split(b'"')[0].decode()
                self.requests.append(method)
                upstream.write(line)
                answer = await service.readline()
                fault = (self.faults.get(method) or [None]).pop(0)  # type: ignore[list-item]
                changed = answer if fault is None else await fault(answer)
                writer.write(changed or b"")
                if not answer or changed is None or (changed and not changed.endswith(b"\n")):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open -= 1
            upstream.transport.abort()
            writer.close()


@contextlib.asynccontextmanager
async def proxy(path: str, upstream: str) -> AsyncIterator[Proxy]:
    """A proxy for as long as it is needed."""
    made = Proxy(path, upstream)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
