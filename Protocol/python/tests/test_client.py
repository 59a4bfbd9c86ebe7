"""The client against a real offersd, and through a proxy that loses things."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from database import Database
from proxy import Proxy, garble, halve, lose, proxy, swallow
from service import Service

import offersd

_T = TypeVar("_T")


def run(test: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(test)


@contextlib.asynccontextmanager
async def through_proxy(folder: str, socket: str, deadline: float = 6.0) -> AsyncIterator[tuple[Proxy, offersd.Client]]:
    async with (
        proxy(f"{folder}/proxy.sock", socket) as between,
        offersd.Client(between.path, deadline=deadline) as client,
    ):
        yield between, client


def test_every_method(database: Database, socket: str, master: int) -> None:
    first, second = database.add_orders(2, master)

    async def walk() -> None:
        async with offersd.Client(socket) as client:
            page = await client.list_offers(master, limit=1)
            assert (page.total, [offer.order_id for offer in page.offers]) == (2, [second])
            assert page.as_of is not None
            assert page.as_of.tzinfo is not None
            user = offersd.TelegramUser(7_000_000_000 + master)
            assert (await client.list_offers(user)).master_id == master
            details = await client.get_offer(master, first)
            assert (details.offer.house, details.offer.description) == ("15", "Течёт кран")
            explanation = await client.explain_offer(user, first)
            assert explanation.accept == offersd.AcceptForecast(possible=True, reason=None)
            assert [(offer.state, offer.expired) for offer in explanation.offers] == [("SENT", False)]
            assert (explanation.history, explanation.not_listed) == ([], None)
            accepted = await client.accept_offer(user, first)
            assert (accepted.already_accepted, accepted.order.client_phone) == (False, "+70000000000")
            assert (await client.accept_offer(master, first)).already_accepted
            assert not (await client.decline_offer(master, second)).already_declined
            assert (await client.list_offers(master)).offers == []
            explanation = await client.explain_offer(master, first)
            assert explanation.history is not None
            assert [(change.from_, change.reason) for change in explanation.history] == [
                ("SEARCHING", "accepted_by_master")
            ]
            assert (await client.explain_offer(master)).not_listed == {}
            assert (await client.health()).status == "ok"
            assert "logLinesDropped" in await client.metrics()
            assert "offersd_requests_total" in await client.metrics("prometheus")
            assert (await client.call("listOffers", masterId=master))["total"] == 0

    run(walk())
    assert database.history() | {first: 1} == database.history()


def test_refusals(database: Database, socket: str, master: int, rival: int) -> None:
    (order,) = database.add_orders(1, master, rival)

    async def walk() -> None:
        async with offersd.Client(socket) as client:
            await client.accept_offer(rival, order)
            with pytest.raises(offersd.Refused) as taken:
                await client.accept_offer(master, order)
            assert (taken.value.reason, taken.value.code, taken.value.retryable) == ("ORDER_TAKEN", 1201, False)
            with pytest.raises(offersd.Refused, match="MASTER_NOT_FOUND"):
                await client.list_offers(2**70)
            with pytest.raises(offersd.Refused, match="INVALID_PARAMS") as wrong:
                await client.call("listOffers", master=1)
            assert wrong.value.data["path"] == "master"
            with pytest.raises(offersd.Refused, match="METHOD_NOT_FOUND"):
                await client.call("noSuchMethod")

    run(walk())


def test_200_calls_at_once(database: Database, socket: str, master: int) -> None:
    orders = database.add_orders(100, master)

    async def walk() -> None:
        async with offersd.Client(socket, connections=50) as client:
            taken: list[Any] = await asyncio.gather(
                *(client.accept_offer(master, order) for order in orders),
                *(client.get_offer(master, order) for order in orders),
                return_exceptions=True,
            )
        assert [acceptance.order_id for acceptance in taken[:100]] == orders
        for order, seen in zip(orders, taken[100:], strict=True):
            if isinstance(seen, offersd.Refused):
                assert seen.reason == "ALREADY_YOURS"
            else:
                assert seen.offer.order_id == order

    run(walk())
    assert set(database.assigned()) >= set(orders)


def test_long_lines(database: Database, socket: str, master: int) -> None:
    text = "ж\n" * (64 << 10)
    orders = database.add_orders(20, master, description=text)

    async def walk() -> None:
        async with offersd.Client(socket) as client:
            cards = await asyncio.gather(*(client.get_offer(master, order) for order in orders))
            assert {card.offer.description for card in cards} == {text}
            assert (await client.accept_offer(master, orders[0])).order.description == text

    run(walk())


@pytest.mark.parametrize("fault", [lose, halve, garble])
def test_lost_answer_of_a_write_is_asked_for(
    fault: Any, database: Database, socket: str, master: int, folder: str
) -> None:
    (order,) = database.add_orders(1, master)

    async def walk() -> None:
        async with through_proxy(folder, socket) as (between, client):
            between.faults["acceptOffer"] = [fault, fault]
            assert (await client.accept_offer(master, order)).already_accepted
            assert between.requests.count("acceptOffer") == 3

    run(walk())
    assert database.history()[order] == 1


def test_swallowed_answer_of_a_write_is_asked_for(database: Database, socket: str, master: int, folder: str) -> None:
    (order,) = database.add_orders(1, master)

    async def walk() -> None:
        async with through_proxy(folder, socket, deadline=2) as (between, client):
            between.faults["acceptOffer"] = [swallow]
            assert (await client.accept_offer(master, order)).already_accepted
            between.faults["acceptOffer"] = [swallow, swallow]
            start = time.monotonic()
            with pytest.raises(offersd.OutcomeUnknown):
                await client.accept_offer(master, order)
            assert time.monotonic() - start < 3

    run(walk())


@pytest.mark.parametrize("fault", [lose, halve])
def test_lost_answer_of_a_read_is_asked_for(fault: Any, socket: str, master: int, folder: str) -> None:
    async def walk() -> None:
        async with through_proxy(folder, socket) as (between, client):
            between.faults["listOffers"] = [fault]
            assert (await client.list_offers(master)).total == 0
            between.faults["listOffers"] = [garble]
            with pytest.raises(offersd.ProtocolError):
                await client.list_offers(master)
            assert (await client.list_offers(master)).total == 0

    run(walk())


def test_answer_lost_and_then_no_socket(database: Database, socket: str, master: int, folder: str) -> None:
    first, second = database.add_orders(2, master)

    async def walk() -> None:
        async with through_proxy(folder, socket, deadline=1.5) as (between, client):

            async def lose_all(_: bytes) -> None:
                await between.stop()

            between.faults["acceptOffer"] = between.faults["declineOffer"] = [lose_all]
            with pytest.raises(offersd.OutcomeUnknown):
                await client.accept_offer(master, first)
            # What was sent when it was gone is another matter.
            with pytest.raises(offersd.Unreachable):
                await client.accept_offer(master, first)
            await between.start()
            between.faults["declineOffer"] = [lose_all]
            with pytest.raises(offersd.OutcomeUnknown):
                await client.decline_offer(master, second)

    run(walk())
    assert database.history()[first] == 1


@pytest.mark.parametrize("reason", ["DATABASE_UNAVAILABLE", "SHUTTING_DOWN", "TIMED_OUT", "OVERLOADED", "FORBIDDEN"])
def test_nothing_was_done_is_no_answer_for_what_was_sent_before(
    reason: str, database: Database, socket: str, master: int, folder: str
) -> None:
    (order,) = database.add_orders(1, master)

    async def refuse(_: bytes) -> bytes:
        error = f'{{"code":-32000,"message":"","data":{{"reason":"{reason}","retryable":true}}}}'
        return f'{{"jsonrpc":"2.0","id":1,"error":{error}}}\n'.encode()

    async def walk() -> None:
        async with through_proxy(folder, socket, deadline=1) as (between, client):
            between.faults["acceptOffer"] = [lose, *[refuse] * 100]
            with pytest.raises(offersd.OutcomeUnknown):
                await client.accept_offer(master, order)
            # Without anything sent before it is the answer. (The last question of that call may still be on its way.)
            between.faults["acceptOffer"] = [refuse] * (1 if reason == "SHUTTING_DOWN" else 100)
            if reason == "SHUTTING_DOWN":
                assert (await client.accept_offer(master, order)).already_accepted
            else:
                with pytest.raises(offersd.Refused, match=reason):
                    await client.accept_offer(master, order)

    run(walk())


def test_outcome_unknown_of_the_service_is_asked_about(
    database: Database, socket: str, master: int, folder: str
) -> None:
    (order,) = database.add_orders(1, master)

    async def unknown(_: bytes) -> bytes:
        error = '{"code":-32004,"message":"","data":{"reason":"OUTCOME_UNKNOWN","retryable":true}}'
        return f'{{"jsonrpc":"2.0","id":1,"error":{error}}}\n'.encode()

    async def walk() -> None:
        async with through_proxy(folder, socket) as (between, client):
            between.faults["acceptOffer"] = [unknown]
            assert (await client.accept_offer(master, order)).already_accepted

    run(walk())


def test_silent_socket_gets_no_write(database: Database, master: int, folder: str) -> None:
    """As systemd's for a service that cannot start: it takes connections and bytes."""
    path = f"{folder}/silent.sock"

    async def walk() -> None:
        async with offersd.Client(path, deadline=0.3) as client:
            for call in (client.accept_offer(master, 1), client.decline_offer(master, 1), client.list_offers(master)):
                start = time.monotonic()
                with pytest.raises(offersd.Unreachable):
                    await call
                assert time.monotonic() - start < 1.5

    with sockets.socket(sockets.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        run(walk())
        listener.setblocking(False)
        received = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    received += connection.recv(1 << 16)
    assert b"metrics" in received
    assert b"Offer" not in received.replace(b"listOffers", b"")


@pytest.mark.parametrize("kind", ["nothing", "file", "dead", "long"])
def test_no_socket(kind: str, folder: str) -> None:
    path = f"{folder}/{'x' * 200 if kind == 'long' else 'none.sock'}"
    if kind == "file":
        open(path, "w").close()
    if kind == "dead":
        with sockets.socket(sockets.AF_UNIX) as listener:
            listener.bind(path)

    async def walk() -> None:
        client = offersd.Client(path)
        for _ in range(2):
            with pytest.raises(offersd.Unreachable):
                await client.accept_offer(1, 1)

    run(walk())


def test_full_queue_is_unreachable(folder: str) -> None:
    """connect(2) gives EAGAIN, which is no connection under way."""
    path = f"{folder}/full.sock"
    with sockets.socket(sockets.AF_UNIX) as listener, contextlib.ExitStack() as stack:
        listener.bind(path)
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(sockets.socket(sockets.AF_UNIX))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(path)
        with pytest.raises(offersd.Unreachable, match="too many"):
            run(offersd.Client(path, deadline=0.3).accept_offer(1, 1))


def test_late_answer_is_nobody_elses(database: Database, socket: str, master: int, folder: str) -> None:
    first, second = database.add_orders(2, master)

    async def walk() -> None:
        released = asyncio.Event()

        async def delay(line: bytes) -> bytes:
            await released.wait()
            return line

        async with through_proxy(folder, socket, deadline=0.5) as (between, client):
            await client.get_offer(master, second)
            between.faults["getOffer"] = [delay]
            with pytest.raises(offersd.TimedOut):
                await client.get_offer(master, first)
            between.faults["getOffer"] = [delay]
            task = asyncio.create_task(client.get_offer(master, first))
            while between.requests.count("getOffer") < 3:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            released.set()
            for _ in range(20):
                assert (await client.get_offer(master, second)).offer.order_id == second

    run(walk())


def test_write_shares_no_connection(database: Database, socket: str, master: int, folder: str) -> None:
    orders = database.add_orders(10, master)

    async def walk() -> None:
        everything_sent = asyncio.Event()
        held = []

        async def hold(line: bytes) -> bytes:
            held.append(line)
            await everything_sent.wait()
            return line

        async with through_proxy(folder, socket) as (between, client):
            between.faults["acceptOffer"] = [hold] * 10
            calls = [asyncio.create_task(client.accept_offer(master, order)) for order in orders]
            while len(held) < 10:
                await asyncio.sleep(0)
            assert between.most_open == 10
            assert (await client.list_offers(master)).total == 0
            everything_sent.set()
            await asyncio.gather(*calls)

    run(walk())


def test_waiting_for_a_place_is_within_the_deadline(socket: str, master: int, folder: str) -> None:
    async def walk() -> None:
        async with proxy(f"{folder}/proxy.sock", socket) as between:
            between.faults["health"] = [swallow]
            async with offersd.Client(between.path, deadline=0.5, connections=1) as client:
                await client.list_offers(master)
                calls = (client.health(), client.list_offers(master))
                first, second = await asyncio.gather(*calls, return_exceptions=True)
                assert isinstance(first, offersd.TimedOut)
                # It got its place when the first had given up, or too late.
                assert isinstance(second, offersd.Unreachable | offersd.OfferList)
                assert (await client.list_offers(master)).total == 0

    run(walk())


def test_restarted_and_killed(own: tuple[Database, Service]) -> None:
    database, service = own
    master = database.add_master(1)
    orders = database.add_orders(60, master)
    service.hold_socket()
    service.start()

    async def walk() -> list[int]:
        done = []
        async with offersd.Client(service.path) as client:

            async def accept(order: int) -> None:
                for _ in range(20):
                    try:
                        accepted = await client.accept_offer(master, order)
                    except offersd.OffersdError as error:
                        # Its own wait for the database, after a start.
                        assert isinstance(error, offersd.Refused), error
                        assert error.reason == "DATABASE_UNAVAILABLE"
                        await asyncio.sleep(0.1)
                    else:
                        done.append(accepted.order_id)
                        return

            calls = []
            for number, order in enumerate(orders):
                calls.append(asyncio.create_task(accept(order)))
                await asyncio.sleep(0.01)
                if number in (10, 30):
                    await asyncio.to_thread(service.stop)
                    await asyncio.to_thread(service.start)
                if number in (20, 40):
                    await asyncio.to_thread(service.kill)
                    await asyncio.to_thread(service.start)
            await asyncio.gather(*calls)
        return done

    assert sorted(run(walk())) == orders
    assert database.assigned() == dict.fromkeys(orders, master)
    assert database.history() == dict.fromkeys(orders, 1)


async def answered(call: Callable[[], Awaitable[_T]]) -> _T:
    """The result of a call that may be too early, or too slow on a busy machine, at first."""
    for _ in range(100):
        try:
            return await call()
        except offersd.Refused as refusal:
            assert refusal.retryable
            await asyncio.sleep(0.05)
        except (offersd.TimedOut, offersd.Unreachable, offersd.OutcomeUnknown):
            await asyncio.sleep(0.05)
    return await call()


def test_frozen(own: tuple[Database, Service]) -> None:
    database, service = own
    master = database.add_master(1)
    first, second = database.add_orders(2, master)
    service.start()

    async def walk() -> None:
        async with offersd.Client(service.path, deadline=1) as client:
            await answered(lambda: client.list_offers(master))
            service.freeze()
            with pytest.raises(offersd.OutcomeUnknown):
                await client.accept_offer(master, first)
            with pytest.raises(offersd.Unreachable):
                await client.accept_offer(master, second)
            service.thaw()
            assert (await answered(lambda: client.accept_offer(master, first))).order_id == first

    run(walk())
    assert second not in database.assigned()


def test_a_client_outlives_a_loop(socket: str, master: int) -> None:
    client = offersd.Client(socket)
    for _ in range(2):
        assert run(client.list_offers(master)).total == 0


def test_closed(socket: str, master: int) -> None:
    async def walk() -> None:
        client = offersd.Client(socket)
        await client.close()
        with pytest.raises(RuntimeError):
            await client.list_offers(master)

    run(walk())
