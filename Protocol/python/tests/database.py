"""A database with the company's schema and made-up rows."""

from __future__ import annotations

import subprocess

from postgres import Cluster
from service import program

_PLACES = """
INSERT INTO cities (id, name, timezone) VALUES (1, 'Тестоград', 'Europe/Moscow');
INSERT INTO districts (id, city_id, name) VALUES (1, 1, 'Северный');
INSERT INTO streets (id, city_id, district_id, name) VALUES (1, 1, 1, 'Примерная улица');
INSERT INTO settings (key, value, value_type) VALUES ('max_active_orders', '0', 'INT')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value;
"""


class Database:
    """One database of the cluster."""

    _made = 0

    def __init__(self, cluster: Cluster) -> None:
        Database._made += 1
        self.name = f"offers{Database._made}"
        self._cluster = cluster
        self._last_order = 0
        schema = subprocess.run([program(), "schema"], capture_output=True, text=True, check=True).stdout
        cluster.sql(f"CREATE DATABASE {self.name}")
        self.sql(schema + _PLACES)

    @property
    def uri(self) -> str:
        """For asyncpg."""
        return self._cluster.uri(self.name)

    @property
    def conninfo(self) -> str:
        """For libpq."""
        return self._cluster.conninfo(self.name)

    def sql(self, text: str) -> str:
        """Run SQL; returns the rows."""
        return self._cluster.sql(text, self.name)

    def add_master(self, master: int, telegram_user: int | None = None) -> int:
        """A master who may accept. The Telegram id is beyond 32 bits unless told otherwise."""
        self.sql(
            "INSERT INTO masters (id, tg_user_id, full_name, city_id, verified, moderation_status, is_deleted) VALUES "
            f"({master}, {telegram_user or 7_000_000_000 + master}, 'Test Master {master}', 1, true, 'APPROVED', false)"
        )
        return master

    def add_orders(
        self, count: int, *masters: int, description: str = "Течёт кран", first: int | None = None
    ) -> list[int]:
        """Free orders, each offered to all of these masters; the newest is the last. `first` is the id of the first."""
        first = self._last_order + 1 if first is None else first
        orders = list(range(first, first + count))
        self._last_order = orders[-1]
        quoted = description.replace("'", "''")
        self.sql(
            "INSERT INTO orders (id, city_id, district_id, street_id, house, status, category, description, type, "
            "total_sum, no_district, client_name, client_phone) SELECT id, 1, 1, 1, '15', 'SEARCHING', 'PLUMBING', "
            f"'{quoted}', 'NORMAL', 0, false, 'А. Клиент', '+70000000000' "
            f"FROM generate_series({orders[0]}, {orders[-1]}) AS id; "
            "INSERT INTO offers (order_id, master_id, state, sent_at, expires_at) SELECT id, master, 'SENT', "
            "now() + id * interval '1 millisecond', now() + interval '1 day' "
            f"FROM generate_series({orders[0]}, {orders[-1]}) AS id, "
            f"unnest(ARRAY[{','.join(map(str, masters))}]) AS master"
        )
        return orders

    def assigned(self) -> dict[int, int]:
        """Order to master, of all orders that are assigned."""
        rows = self.sql("SELECT id, assigned_master_id FROM orders WHERE status = 'ASSIGNED'")
        return {int(order): int(master) for order, master in (row.split("|") for row in rows.splitlines())}

    def history(self) -> dict[int, int]:
        """Order to the number of its rows of history that tell of an accept."""
        rows = self.sql(
            "SELECT order_id, count(*) FROM order_status_history WHERE reason = 'accepted_by_master' GROUP BY 1"
        )
        return {int(order): int(count) for order, count in (row.split("|") for row in rows.splitlines())}
