"""The company's own accept and its own list, as the old bot does them: it is what answers while offersd is away."""

from __future__ import annotations

import asyncpg

ACCEPTED = "Заявка принята. Удачи в работе!"
TAKEN = "⚠️ Заказ уже занят"

_CLAIM = """
UPDATE orders SET assigned_master_id = $1, status = 'ASSIGNED', updated_at = now(), version = version + 1
WHERE id = $2 AND assigned_master_id IS NULL AND status IN ('SEARCHING', 'GUARANTEE', 'CREATED', 'DEFERRED')
RETURNING id
"""
_OFFERS = """
UPDATE offers SET responded_at = now(),
    state = (CASE WHEN master_id = $1 THEN 'ACCEPTED' ELSE 'CANCELED' END)::offer_state
WHERE order_id = $2 AND state IN ('SENT', 'VIEWED')
"""
_HISTORY = """
INSERT INTO order_status_history (order_id, from_status, to_status, reason, changed_by_master_id, actor_type)
VALUES ($2, 'SEARCHING', 'ASSIGNED', 'accepted_by_master', $1, 'MASTER')
"""


class OldCode:
    """Accepts on connections of its own."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    async def accept(self, master: int, order: int) -> str:
        """One accept; returns the toast."""
        connection = await asyncpg.connect(self._uri)
        try:
            async with connection.transaction():
                if await connection.fetchval(_CLAIM, master, order) is None:
                    return TAKEN
                await connection.execute(_OFFERS, master, order)
                await connection.execute(_HISTORY, master, order)
            return ACCEPTED
        finally:
            await connection.close()
