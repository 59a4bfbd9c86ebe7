from __future__ import annotations

from collections.abc import Iterator

import postgres
import pytest
from database import Database
from postgres import Cluster
from service import Service, service


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with postgres.cluster() as running:
        yield running


@pytest.fixture(scope="session")
def shared(cluster: Cluster) -> Iterator[tuple[Database, Service]]:
    """One service for all tests that do not touch it; each has masters and orders of its own."""
    database = Database(cluster)
    with service(cluster, database.name) as offersd:
        offersd.start()
        yield database, offersd


@pytest.fixture
def database(shared: tuple[Database, Service]) -> Database:
    return shared[0]


@pytest.fixture
def socket(shared: tuple[Database, Service]) -> str:
    return shared[1].path


_masters = iter(range(1, 1_000_000))


@pytest.fixture
def master(database: Database) -> int:
    """A new master."""
    return database.add_master(next(_masters))


@pytest.fixture
def rival(database: Database) -> int:
    """Another one."""
    return database.add_master(next(_masters))


@pytest.fixture
def own(cluster: Cluster) -> Iterator[tuple[Database, Service]]:
    """A service and a database for one test, which may break both. It is not started."""
    database = Database(cluster)
    with service(cluster, database.name) as offersd:
        yield database, offersd


@pytest.fixture
def folder(cluster: Cluster) -> Iterator[str]:
    """A folder whose name is short enough for a socket's path."""
    with cluster.subfolder() as path:
        yield path
