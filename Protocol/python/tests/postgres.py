"""A private Postgres cluster in a temporary folder, as the Swift tests have one (EmbeddedPostgres).

The server is a child of a shell script that reads a pipe of ours. When the pipe ends, for whatever reason, SIGKILL
included, the script stops the server and removes the folder. It leads a session of its own, so that Ctrl-C reaches us
only. It listens on a Unix socket in its folder and nowhere else.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = r"""
trap '' HUP INT QUIT PIPE
umask 077
programs=$1
server=
folder=$(mktemp -d /tmp/offersd-py.XXXXXX) || exit 1
cd "$folder" || exit 1
finish() {
    trap '' TERM
    if [ -n "$server" ]; then
        kill -INT "$server" 2>/dev/null
        for _ in $(seq 500); do kill -0 "$server" 2>/dev/null || break; sleep 0.02; done
        kill -QUIT "$server" 2>/dev/null
        wait "$server"
    fi
    cd /
    rm -rf "$folder"
    exit 0
}
trap finish TERM
fail() { cat log >&2; finish; }
"$programs/initdb" -D data --username=postgres --auth=trust --no-sync --encoding=UTF8 --no-locale >log 2>&1 || fail
"$programs/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories="$folder" -c fsync=off \
    -c full_page_writes=off -c synchronous_commit=off -c timezone=UTC -c max_connections=200 </dev/null >>log 2>&1 &
server=$!
ready=
for _ in $(seq 1500); do
    "$programs/pg_isready" -q -h "$folder" -d postgres -U postgres && ready=1 && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.02
done
[ -n "$ready" ] || fail
echo "$folder"
cat >/dev/null
finish
"""

_NEEDED = ("initdb", "postgres", "pg_isready", "psql")


def _programs() -> str:
    wish = os.environ.get("OFFERSD_POSTGRES_BIN")
    debian = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda folder: int(folder.parent.name))
    path = os.environ.get("PATH", "").split(":")
    for folder in [wish] if wish else [*map(str, reversed(debian)), *path]:
        if all(os.access(f"{folder}/{program}", os.X_OK) for program in _NEEDED):
            return folder
    raise RuntimeError("no Postgres server found; on Debian and Ubuntu: apt-get install postgresql")


def _as_server() -> list[str]:
    """What makes root the server's user, for Postgres refuses root."""
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    raise RuntimeError("Postgres refuses root, and there is no user postgres or nobody")


class Cluster:
    """A running cluster."""

    def __init__(self, folder: str, programs: str) -> None:
        self.folder, self._programs = folder, programs

    @contextmanager
    def subfolder(self) -> Iterator[str]:
        """A folder that goes with the cluster's, also when we are killed: it belongs to the server's user."""
        with tempfile.TemporaryDirectory(prefix="t.", dir=self.folder) as path:
            owner = os.stat(self.folder)
            os.chown(path, owner.st_uid, owner.st_gid)
            yield path

    def conninfo(self, database: str) -> str:
        """For libpq."""
        return f"host={self.folder} user=postgres dbname={database}"

    def uri(self, database: str) -> str:
        """For asyncpg."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def sql(self, text: str, database: str = "postgres") -> str:
        """Run SQL through psql, all in one transaction. Returns the rows, unaligned."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database)]
        psql = subprocess.run(
            [f"{self._programs}/psql", *options], input=text, capture_output=True, text=True, check=False
        )
        if psql.returncode:
            raise RuntimeError(psql.stderr)
        return psql.stdout.strip()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster for as long as it is needed."""
    programs = _programs()
    with subprocess.Popen(
        [*_as_server(), "/bin/sh", "-c", _SCRIPT, "offersd-py", programs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        start_new_session=True,
    ) as script:
        assert script.stdin is not None
        assert script.stdout is not None
        folder = script.stdout.readline().strip()
        if not folder:
            raise RuntimeError("the cluster did not start; what it said stands above")
        try:
            yield Cluster(folder, programs)
        finally:
            script.stdin.close()
            script.wait()
