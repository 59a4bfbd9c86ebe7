"""The comparison with the old list, on the data set of the conformance cases and on what it can find."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from database import Database
from postgres import Cluster
from service import ROOT, Service

from offersd.parity import Reading, uri

FIXTURE = (ROOT / "Protocol/conformance/fixture.sql").read_text()


def parity(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offersd.parity", *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, "PYTHONPATH": str(ROOT / "Protocol/python/src"), **environment},
    )


@pytest.fixture
def fixture(cluster: Cluster, own: tuple[Database, Service]) -> tuple[Database, Service]:
    """The data set in place of the places that tests have otherwise."""
    database, service = own
    database.sql("TRUNCATE cities, districts, streets CASCADE; DELETE FROM settings")
    # It opens and ends its own transaction, and psql is told to make one.
    database.sql(FIXTURE.replace("BEGIN;", "", 1).replace("COMMIT;", "", 1))
    service.start()
    return database, service


def rows(database: Database) -> str:
    tables = ("orders", "offers", "masters", "order_status_history")
    return database.sql(
        " UNION ALL ".join(f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {t} t" for t in tables)
    )


def test_what_differs_is_explained(fixture: tuple[Database, Service]) -> None:
    database, service = fixture
    before = rows(database)
    run = parity("--socket", service.path, DATABASE_URL=database.uri)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert "master 13 order 136: only in the old list: the order is assigned to another master" in lines
    assert "master 20 order 208: only in the old list: the order is this master's already" in lines
    assert "master 13 order 137: only in the old list: the order's status is CLOSED" in lines
    assert "master 20 order 207: only in the old list: the order's status is CANCELED" in lines
    assert "master 2 order 121: only in offersd's list: the offer has no expiry" in lines
    assert lines[-1] == "0 not explained"
    masters, common = database.sql(
        "SELECT (SELECT count(*) FROM masters), count(*) FROM offers f JOIN orders o ON o.id = f.order_id "
        "WHERE f.state IN ('SENT', 'VIEWED') AND f.expires_at > now() AND o.assigned_master_id IS NULL "
        "AND o.status IN ('SEARCHING', 'CREATED', 'GUARANTEE')"
    ).split("|")
    assert f"{masters} masters, {common} entries in both lists" in lines
    assert rows(database) == before


def test_two_open_offers_of_one_order(own: tuple[Database, Service]) -> None:
    database, service = own
    database.add_master(1)
    first, _ = database.add_orders(2, 1)
    database.sql("DROP INDEX uq_offers__order_master_active")
    database.sql("DROP INDEX IF EXISTS idx_offers_order_master_active")
    # The older row is the later one: by it the old list puts the first order above the second.
    database.sql(
        f"UPDATE offers SET sent_at = now() + interval '1 hour' WHERE order_id = {first}; INSERT INTO offers "
        f"(order_id, master_id, state, sent_at, expires_at) VALUES ({first}, 1, 'SENT', now() - interval '1 hour', "
        "now() + interval '1 day')"
    )
    service.start()
    run = parity("--socket", service.path, "--database", database.conninfo)
    several = "the master has several open offers of one order"
    assert f"master 1 order {first}: twice in the old list: {several}" in run.stdout
    assert f"master 1: in another order: {several}" in run.stdout
    assert run.returncode == 0


def test_another_database_is_not_explained(cluster: Cluster, own: tuple[Database, Service]) -> None:
    database, service = own
    database.add_master(1)
    database.add_orders(1, 1)
    service.start()
    other = Database(cluster)
    other.add_master(1)
    other.add_master(2)
    other.add_orders(3, 1)
    run = parity("--socket", service.path, "--database", other.uri)
    assert run.returncode == 1
    assert "master 1 order 3: only in the old list: NOT EXPLAINED" in run.stdout
    assert "master 2: offersd answers MASTER_NOT_FOUND: NOT EXPLAINED" in run.stdout
    assert run.stdout.endswith("3 not explained\n")


def test_ends_that_are_no_comparison(own: tuple[Database, Service]) -> None:
    database, service = own
    assert parity("--database", database.uri).returncode == 2
    assert parity("--socket", service.path, "--database", "nonsense").returncode == 2
    away = parity("--socket", service.path, "--database", database.uri)
    assert (away.returncode, away.stdout) == (3, "")
    assert "offersd: cannot connect" in away.stderr
    elsewhere = parity("--socket", service.path, "--database", "host=/nowhere dbname=offers user=nobody")
    assert (elsewhere.returncode, elsewhere.stderr.split(":")[0]) == (3, "the database")


def test_asyncpg_is_named_where_it_is_missing() -> None:
    script = "import sys; sys.modules['asyncpg'] = None; from offersd.parity import main; main(['--socket', 'x'])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False,
                         env={"PYTHONPATH": str(ROOT / "Protocol/python/src")})  # fmt: skip
    assert run.returncode == 2
    assert "offersd[parity]" in run.stderr


def test_addresses() -> None:
    assert uri("postgresql+asyncpg://u:p@h:5433/d?ssl=1") == "postgresql://u:p@h:5433/d?ssl=1"
    assert uri("host=/run/x dbname='a b' user=u") == "postgresql://?host=%2Frun%2Fx&dbname=a+b&user=u"


def test_what_changes_while_it_is_read_is_no_difference() -> None:
    assert not Reading(1, before=[3, 2, 1], offersd=[2, 1], after=[2, 1]).differs
    assert not Reading(1, before=[1], offersd=[2, 1], after=[2, 1]).differs
    assert Reading(1, before=[2, 1], offersd=[1], after=[2, 1]).only_old == [2]
    assert Reading(1, before=[1], offersd=[2, 1], after=[1]).only_new == [2]
    assert not Reading(1, before=[2, 1], offersd=[1, 2], after=[2, 1]).is_in_order
