"""Connecting to a Unix socket, without waiting."""

from __future__ import annotations

import socket

from .conversation import Busy, NoConnection


def connected_socket(path: str) -> socket.socket:
    """A connected socket that does not block.

    Raises `NoConnection`, or `Busy` if as many clients as the system allows wait already (connect(2), EAGAIN): unlike
    with TCP such an attempt is not under way, so there is nothing to wait for.
    """
    try:
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise NoConnection(f"no socket can be made: {error.strerror}") from error
    try:
        unix.setblocking(False)
        unix.connect(path)
    except BlockingIOError as error:
        unix.close()
        raise Busy(f"too many clients wait at {path}") from error
    except (OSError, ValueError) as error:
        unix.close()
        raise NoConnection(f"cannot connect to {path}: {getattr(error, 'strerror', None) or error}") from error
    except BaseException:
        unix.close()
        raise
    return unix
