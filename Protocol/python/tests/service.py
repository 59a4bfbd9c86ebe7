"""offersd as a process, with a socket that the test holds for it, as systemd does, or one of its own."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres import Cluster

ROOT = Path(__file__).resolve().parents[3]


def program() -> str:
    """The offersd under test."""
    wish = os.environ.get("OFFERSD_BIN")
    for path in [Path(wish)] if wish else [ROOT / ".build/release/offersd", ROOT / ".build/debug/offersd"]:
        if os.access(path, os.X_OK):
            return str(path)
    missing = wish or f"{ROOT}/.build/release/offersd"
    raise RuntimeError(f"there is no {missing}; build it: swift build -c release --product offersd")


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _dies_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Service:
    """offersd on one database; it can be started, stopped and killed as often as a test likes."""

    def __init__(self, folder: str, conninfo: str) -> None:
        self.path = f"{folder}/offers.sock"
        self._conninfo = conninfo
        self._listener: socket.socket | None = None
        self._process: subprocess.Popen[str] | None = None

    def hold_socket(self) -> None:
        """Listen as systemd does: the socket is there, whether the service runs or not."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(4096)

    def drop_socket(self) -> None:
        """Stop the service and take the socket away, as `systemctl stop` of all units does."""
        self.stop()
        if self._listener is not None:
            os.unlink(self.path)
            self._listener.close()
            self._listener = None

    def start(self) -> None:
        """Start the process; returns when it can answer."""
        command = [program(), "serve", "--database", self._conninfo]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LISTEN_"))}
        listener = self._listener
        if listener is None:
            command += ["--socket", self.path]
        else:
            # sd_listen_fds(3): the socket is descriptor 3, and LISTEN_PID the process that execs offersd.
            command = [
                "/bin/bash",
                "-c",
                f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_FDNAMES=offers LISTEN_PID=$$ exec "$@"',
                "offersd",
                *command,
            ]
        self._process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            pass_fds=[] if listener is None else [listener.fileno()],
            preexec_fn=_dies_with_us,
        )
        assert self._process.stderr is not None
        seen = []
        for line in self._process.stderr:
            seen.append(line)
            if "listening on" in line:
                break
        else:
            raise RuntimeError(f"offersd did not start: {''.join(seen)}")
        # Nobody reads the log from here on; offersd drops what is not taken.

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and its orderly end."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None


@contextmanager
def service(cluster: Cluster, database: str) -> Iterator[Service]:
    """An offersd that has not been started yet, in a folder of its own."""
    with cluster.subfolder() as folder:
        offersd = Service(folder, cluster.conninfo(database))
        try:
            yield offersd
        finally:
            offersd.kill()
            if offersd._listener is not None:
                offersd._listener.close()
