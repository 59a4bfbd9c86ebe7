"""The old bot's list of new orders, read for all masters at once, and what explains a difference to offersd's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

LISTED = ("SEARCHING", "CREATED", "GUARANTEE")
"""The statuses with which offersd lists an order without a master."""

_MASTERS = "SELECT id FROM masters ORDER BY id"

_LIST = """
SELECT f.master_id, f.order_id
FROM offers f
JOIN orders o ON o.id = f.order_id
JOIN cities c ON c.id = o.city_id
LEFT JOIN districts d ON d.id = o.district_id
WHERE f.master_id = ANY ($1::bigint[]) AND f.state IN ('SENT', 'VIEWED') AND o.status <> 'DEFERRED'
    AND f.expires_at > now()
ORDER BY f.master_id, f.sent_at DESC, f.order_id DESC
"""

_FACTS = """
SELECT p.master_id, p.order_id, o.status::text AS status, o.assigned_master_id,
    count(f.id) FILTER (WHERE f.state IN ('SENT', 'VIEWED')) AS open,
    count(f.id) FILTER (WHERE f.state IN ('SENT', 'VIEWED') AND f.expires_at > now()) AS running,
    count(f.id) FILTER (WHERE f.state IN ('SENT', 'VIEWED') AND f.expires_at IS NULL) AS endless
FROM unnest($1::bigint[], $2::bigint[]) AS p (master_id, order_id)
LEFT JOIN orders o ON o.id = p.order_id
LEFT JOIN offers f ON f.order_id = p.order_id AND f.master_id = p.master_id
GROUP BY p.master_id, p.order_id, o.status, o.assigned_master_id
"""

Pair = tuple[int, int]
"""A master and an order."""


@dataclass(frozen=True)
class Facts:
    """How order and offers of a pair stand."""

    master: int
    status: str | None
    """None: there is no such order."""
    assigned: int | None
    open: int
    """Offers that are SENT or VIEWED."""
    running: int
    """Those of them that end later."""
    endless: int
    """Those of them that have no end."""

    def why_only_in_the_old(self) -> str | None:
        """Why offersd does not list what the old bot lists; None if nothing here tells."""
        if self.assigned is not None:
            whose = "this master's already" if self.assigned == self.master else "assigned to another master"
            return f"the order is {whose}"
        if self.status is not None and self.status not in LISTED:
            return f"the order's status is {self.status}"
        return self._why_ended()

    def why_only_in_offersd(self) -> str | None:
        """Why offersd lists what the old bot does not; None if nothing here tells."""
        if self.endless and not self.running:
            return "the offer has no expiry"
        if self.assigned is not None or self.status not in LISTED:
            return "the order was taken or closed while the lists were read"
        return self._why_ended()

    def _why_ended(self) -> str | None:
        return None if self.running or self.endless else "the offer ended while the lists were read"


class OldLists:
    """The company's database, in transactions that cannot write."""

    def __init__(self, connection: Any) -> None:
        """`connection` is asyncpg's."""
        self._connection = connection

    async def masters(self) -> list[int]:
        """All of them."""
        return [row["id"] for row in await self._read(_MASTERS)]

    async def lists(self, masters: Collection[int]) -> dict[int, list[int]]:
        """The orders that the old bot shows to each, in its order. An order with two open offers is shown twice."""
        lists: dict[int, list[int]] = {master: [] for master in masters}
        for row in await self._read(_LIST, list(masters)):
            lists[row["master_id"]].append(row["order_id"])
        return lists

    async def facts(self, pairs: Collection[Pair]) -> dict[Pair, Facts]:
        """How these pairs stand."""
        rows = await self._read(_FACTS, [master for master, _ in pairs], [order for _, order in pairs])
        return {
            (row["master_id"], row["order_id"]): Facts(
                row["master_id"], row["status"], row["assigned_master_id"], row["open"], row["running"], row["endless"]
            )
            for row in rows
        }

    async def _read(self, sql: str, *arguments: Any) -> list[Any]:
        async with self._connection.transaction(readonly=True):
            rows: list[Any] = await self._connection.fetch(sql, *arguments)
            return rows
