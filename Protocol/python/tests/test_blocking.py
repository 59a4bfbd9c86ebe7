"""The blocking client: the same rules in another shell."""

from __future__ import annotations

import asyncio
import os
import socket as sockets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from database import Database
from proxy import Fault, halve, lose, proxy, swallow

import offersd
from offersd import blocking


def through_proxy(folder: str, socket: str, faults: dict[str, list[Fault]], test: Callable[[str], Any]) -> None:
    """Runs the test in a thread, beside a proxy."""

    async def both() -> None:
        async with proxy(f"{folder}/proxy.sock", socket) as between:
            between.faults |= faults
            await asyncio.to_thread(test, between.path)

    asyncio.run(both())


def test_every_method(database: Database, socket: str, master: int) -> None:
    first, second = database.add_orders(2, master, description="ж" * (64 << 10))
    with blocking.Client(socket) as client:
        assert client.list_offers(master).total == 2
        assert client.get_offer(master, first).offer.description == "ж" * (64 << 10)
        assert not client.accept_offer(offersd.TelegramUser(7_000_000_000 + master), first).already_accepted
        with pytest.raises(offersd.Refused, match="ALREADY_YOURS"):
            client.decline_offer(master, first)
        assert not client.decline_offer(master, second).already_declined
        explanation = client.explain_offer(master, second)
        assert explanation.accept == offersd.AcceptForecast(possible=False, reason="OFFER_DECLINED")
        assert client.explain_offer(master).not_listed == {}
        assert client.health().status == "ok"
        assert "offersd_requests_total" in client.metrics("prometheus")
        assert client.call("listOffers", masterId=master)["total"] == 0
    with pytest.raises(RuntimeError):
        client.health()


@pytest.mark.parametrize("fault", [lose, halve])
def test_lost_answer(fault: Fault, database: Database, socket: str, master: int, folder: str) -> None:
    (order,) = database.add_orders(1, master)

    def test(path: str) -> None:
        with blocking.Client(path) as client:
            assert client.accept_offer(master, order).already_accepted

    through_proxy(folder, socket, {"acceptOffer": [fault]}, test)


def test_outcome_unknown(database: Database, socket: str, master: int, folder: str) -> None:
    (order,) = database.add_orders(1, master)

    def test(path: str) -> None:
        with blocking.Client(path, deadline=0.5) as client:
            with pytest.raises(offersd.OutcomeUnknown):
                client.accept_offer(master, order)
            assert client.accept_offer(master, order).already_accepted

    through_proxy(folder, socket, {"acceptOffer": [swallow, swallow]}, test)


def test_silent_socket(folder: str) -> None:
    path = f"{folder}/silent.sock"
    with sockets.socket(sockets.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        with blocking.Client(path, deadline=0.3) as client, pytest.raises(offersd.Unreachable):
            client.accept_offer(1, 1)


def test_no_socket(folder: str) -> None:
    with pytest.raises(offersd.Unreachable):
        blocking.Client(f"{folder}/none.sock").accept_offer(1, 1)


def test_threads_and_forks(database: Database, socket: str, master: int) -> None:
    orders = database.add_orders(50, master)
    with blocking.Client(socket) as client, ThreadPoolExecutor(20) as threads:
        for order, card in zip(orders, threads.map(lambda order: client.get_offer(master, order), orders), strict=True):
            assert card.offer.order_id == order
    assert threading.active_count() < 20
    client = blocking.Client(socket)
    client.health()
    child = os.fork()
    if child == 0:
        os._exit(0 if client.list_offers(master).total == 50 else 1)
    assert client.get_offer(master, orders[0]).offer.order_id == orders[0]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    client.close()
