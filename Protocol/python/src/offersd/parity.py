"""Compares the old bot's lists of new orders with offersd's, for all masters, before going live.

    python -m offersd.parity --database postgresql://… --socket /run/offersd/offers.sock

It reads in read-only transactions. A list that differs is read again, with the old list before and after offersd's, so
that a change meanwhile is not taken for a difference. The differences that remain are printed with their reasons.

Exit status: 0 every difference is explained, 1 one is not, 2 wrong usage, 3 database or offersd cannot be reached.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from . import Client, OffersdError, Refused
from ._old_list import Facts, OldLists, Pair

_AT_A_TIME = 8

UNEXPLAINED = "NOT EXPLAINED"


@dataclass(frozen=True)
class Difference:
    """One entry that is not in both lists, or not at the same place."""

    master: int
    order: int | None
    """None: it is about the whole list."""
    where: str
    why: str | None

    def __str__(self) -> str:
        order = "" if self.order is None else f" order {self.order}"
        return f"master {self.master}{order}: {self.where}: {self.why or UNEXPLAINED}"


@dataclass(frozen=True)
class Reading:
    """The lists of one master."""

    master: int
    before: list[int]
    """The old list."""
    offersd: list[int] | Refused
    """Its list, or why there is none."""
    after: list[int]
    """The old list once more; in the first reading it is the same."""

    @property
    def new(self) -> list[int]:
        """offersd's orders."""
        return [] if isinstance(self.offersd, Refused) else self.offersd

    @property
    def only_old(self) -> list[int]:
        """What the old list had all the time, and offersd's had not."""
        return [order for order in dict.fromkeys(self.before) if order in set(self.after) - set(self.new)]

    @property
    def only_new(self) -> list[int]:
        """What offersd's list had, and the old had at no time."""
        return [order for order in self.new if order not in {*self.before, *self.after}]

    @property
    def twice(self) -> list[int]:
        """What the old list shows more than once."""
        return [order for order, count in Counter(self.after).items() if count > 1 and self.before.count(order) > 1]

    @property
    def common(self) -> list[int]:
        """What both have, in offersd's order."""
        return [order for order in self.new if order in self.before and order in self.after]

    @property
    def is_in_order(self) -> bool:
        """Whether what both have stands in the same order."""
        common = set(self.common)
        return self.common in ([order for order in dict.fromkeys(old) if order in common] for old in self._olds)

    @property
    def _olds(self) -> tuple[list[int], list[int]]:
        return self.before, self.after

    @property
    def differs(self) -> bool:
        """Whether there is anything to explain."""
        return bool(
            self.only_old or self.only_new or self.twice or not self.is_in_order or isinstance(self.offersd, Refused)
        )

    @property
    def pairs(self) -> set[Pair]:
        """What can be part of a difference."""
        return {(self.master, order) for order in (*self.before, *self.new, *self.after)}

    def differences(self, facts: dict[Pair, Facts]) -> list[Difference]:
        """What there is to explain, with the explanation."""
        master = self.master
        if isinstance(self.offersd, Refused):
            return [Difference(master, None, f"offersd answers {self.offersd.reason}", None)]
        found = [
            *(
                Difference(master, order, "only in the old list", facts[master, order].why_only_in_the_old())
                for order in self.only_old
            ),
            *(
                Difference(master, order, "only in offersd's list", facts[master, order].why_only_in_offersd())
                for order in self.only_new
            ),
        ]
        several = "the master has several open offers of one order"
        for order in self.twice:
            why = several if facts[master, order].open > 1 else None
            found.append(Difference(master, order, "twice in the old list", why))
        if not self.is_in_order:
            why = several if any(facts[master, order].open > 1 for order in self.common) else None
            found.append(Difference(master, None, "in another order", why))
        return found


@dataclass(frozen=True)
class Comparison:
    """What came out."""

    masters: int
    common: int
    differences: list[Difference]

    @property
    def unexplained(self) -> int:
        """How many differences nothing explains."""
        return sum(difference.why is None for difference in self.differences)

    def lines(self) -> list[str]:
        """The report: each difference, those that nothing explains last, and then how many there are of each kind."""
        counts = Counter((difference.where, difference.why or UNEXPLAINED) for difference in self.differences)
        return [
            *map(str, sorted(self.differences, key=lambda difference: difference.why is None)),
            f"{self.masters} masters, {self.common} entries in both lists",
            *(f"{count} {where}: {why}" for (where, why), count in counts.most_common()),
            f"{self.unexplained} not explained",
        ]


async def compare(old: OldLists, client: Client) -> Comparison:
    """Compare the lists of all masters. Raises the errors of `offersd` and of asyncpg."""
    readings = {reading.master: reading for reading in await _read(old, client, await old.masters(), is_first=True)}
    again = [reading.master for reading in readings.values() if reading.differs]
    if again:
        readings |= {reading.master: reading for reading in await _read(old, client, again, is_first=False)}
    differing = [reading for reading in readings.values() if reading.differs]
    facts = await old.facts([pair for reading in differing for pair in reading.pairs])
    differences = [difference for reading in differing for difference in reading.differences(facts)]
    return Comparison(len(readings), sum(len(reading.common) for reading in readings.values()), differences)


async def _read(old: OldLists, client: Client, masters: Collection[int], *, is_first: bool) -> list[Reading]:
    before = await old.lists(masters)
    places = asyncio.Semaphore(_AT_A_TIME)

    async def in_turn(master: int) -> list[int] | Refused:
        async with places:
            return await _list(client, master)

    new = await asyncio.gather(*(in_turn(master) for master in masters))
    after = before if is_first else await old.lists(masters)
    return [Reading(master, before[master], own, after[master]) for master, own in zip(masters, new, strict=True)]


async def _list(client: Client, master: int) -> list[int] | Refused:
    """offersd's list, all pages of it."""
    orders: list[int] = []
    try:
        while True:
            page = await client.list_offers(master, limit=100, offset=len(orders))
            orders += [offer.order_id for offer in page.offers]
            if not page.offers or len(orders) >= page.total:
                return list(dict.fromkeys(orders))
    except Refused as refusal:
        if refusal.retryable:
            raise
        return refusal


def uri(database: str) -> str:
    """What asyncpg understands, of a URI (SQLAlchemy's too) or a connection string of libpq. Raises `ValueError`."""
    if not database:
        return ""
    scheme, separator, rest = database.partition("://")
    if separator:
        return f"{scheme.split('+')[0]}://{rest}"
    settings = [entry.partition("=") for entry in shlex.split(database)]
    if not all(equals for _, equals, _ in settings):
        raise ValueError("neither a URI nor name=value")
    return "postgresql://?" + urlencode([(name, value) for name, _, value in settings])


async def _run(asyncpg: Any, database: str, socket: str, schema: str | None) -> Comparison:
    connection = await asyncpg.connect(database or None, timeout=10, statement_cache_size=0)
    try:
        if schema is not None:
            await connection.execute("SELECT set_config('search_path', $1, false)", schema)
        async with Client(socket) as client:
            # Where there are no masters nothing else would tell that offersd is away.
            await client.health()
            return await compare(OldLists(connection), client)
    finally:
        await connection.close(timeout=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m offersd.parity",
        description="Compares the old bot's lists of new orders with offersd's, for all masters. It only reads.",
        epilog="Exit status: 0 nothing is unexplained, 1 something is, 2 wrong usage, 3 cannot be reached.",
    )
    parser.add_argument("--socket", required=True, help="offersd's socket")
    parser.add_argument(
        "--database",
        default=os.environ.get("DATABASE_URL", ""),
        help="URI or connection string; default: $DATABASE_URL, which other users of this machine do not see, else PG*",
    )
    parser.add_argument("--schema", help="the schema of the tables, where it is not in the search path")
    options = parser.parse_args(arguments)
    try:
        import asyncpg
    except ImportError:
        parser.error("this needs asyncpg: pip install 'offersd[parity]'")
    try:
        database = uri(options.database)
        comparison = asyncio.run(_run(asyncpg, database, options.socket, options.schema))
    except (ValueError, asyncpg.ClientConfigurationError) as error:
        parser.error(f"--database: {error}")
    except (OffersdError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncio.TimeoutError) as error:
        part = "offersd" if isinstance(error, OffersdError) else "the database"
        print(f"{part}: {error or type(error).__name__}", file=sys.stderr)
        return 3
    print("\n".join(comparison.lines()))
    return 1 if comparison.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
