"""Going live and back under taps: 8 a second, while the service comes, restarts, dies, comes back and goes."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from bot import Program
from database import Database
from old_code import ACCEPTED, OldCode
from service import Service

import offersd
from offersd.screens.adapter import RESTARTING, UNKNOWN

RATE = 8
# Some accepts are always under way, so that some lose their answers with the service.
SLOWLY = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END';
CREATE TRIGGER slowly AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slowly();
"""
LONGEST_ANSWER = 10.0


@dataclass
class Taps:
    """Lists and accepts of some masters in turn, at a steady rate, each in its own task as aiogram has it."""

    bot: Program
    orders: Iterator[tuple[int, int]]
    answers: dict[tuple[int, int], str] = field(default_factory=dict)
    slowest: float = 0.0
    _under_way: list[asyncio.Task[None]] = field(default_factory=list)

    async def go(self, count: int) -> None:
        """Make so many taps; it does not wait for the last answers."""
        for _ in range(count):
            self._under_way.append(asyncio.create_task(self._tap(*next(self.orders))))
            await asyncio.sleep(1 / RATE)

    async def until_not_served(self) -> None:
        """Tap until an accept is told that nothing serves it, or the old code has it."""
        seen = self._not_served()
        while self._not_served() == seen:
            await self.go(1)

    def _not_served(self) -> int:
        return len(self.bot.old) + list(self.answers.values()).count(RESTARTING)

    async def settle(self) -> None:
        """Wait for all answers."""
        await asyncio.gather(*self._under_way)

    async def during(self, change: asyncio.Future[None]) -> None:
        """Tap for as long as something takes, and at least for a second."""
        await self.go(RATE)
        while not change.done():
            await self.go(1)
        await change

    async def _tap(self, master: int, order: int) -> None:
        if order % 4 == 0:
            await self._answer(master, "m:new")
        self.answers[master, order] = await self._answer(master, f"m:new:acc:{order}:1")

    async def _answer(self, master: int, data: str) -> str:
        start = asyncio.get_running_loop().time()
        answer = self.bot.api.answer_to(await self.bot.tap(master, data))
        assert answer is not None, f"{data} was not answered"
        self.slowest = max(self.slowest, asyncio.get_running_loop().time() - start)
        return answer


async def rehearse(service: Service, taps: Taps) -> None:
    """The socket appears, offersd restarts, is killed, comes back, and goes away."""

    def aside(*steps: str) -> asyncio.Future[None]:
        def carry_out() -> None:
            for step in steps:
                getattr(service, step)()

        return asyncio.ensure_future(asyncio.to_thread(carry_out))

    await taps.go(RATE)
    await taps.during(aside("hold_socket", "start"))
    await taps.go(RATE)
    await taps.during(aside("stop", "start"))
    # The socket stays, as systemd's does, and nothing answers there until the next start.
    await taps.during(aside("kill"))
    await taps.until_not_served()
    await taps.during(aside("start"))
    await taps.go(RATE)
    await taps.during(aside("drop_socket"))
    await taps.settle()


@pytest.mark.parametrize("with_old_code", [True, False], ids=["with-fallback", "without-fallback"])
def test_rehearsal(with_old_code: bool, own: tuple[Database, Service]) -> None:
    database, service = own
    masters = [database.add_master(number) for number in range(1, 9)]
    orders = database.add_orders(1000, *masters)
    database.sql(SLOWLY)
    pairs = zip(itertools.cycle(masters), orders, strict=False)

    async def run() -> Taps:
        async with offersd.Client(service.path) as client:
            old = OldCode(database.uri).accept if with_old_code else None
            taps = Taps(Program(client, old_accept=old), pairs)
            await rehearse(service, taps)
            return taps

    taps = asyncio.run(run())
    print(f"{len(taps.answers)} taps, {Counter(taps.answers.values())}, slowest {taps.slowest:.3f} s")
    assert taps.slowest < LONGEST_ANSWER
    assigned = {(master, order) for order, master in database.assigned().items()}
    accepted, unchanged, unknown = (
        {tap for tap, answer in taps.answers.items() if answer == text} for text in (ACCEPTED, RESTARTING, UNKNOWN)
    )
    assert accepted | unchanged | unknown == set(taps.answers)
    assert accepted <= assigned
    assert not unchanged & assigned
    assert database.history() == dict.fromkeys((order for _, order in assigned), 1)
    if with_old_code:
        assert taps.bot.old
        assert not unchanged
    else:
        assert unchanged

    # "Repeat it" keeps what it says.
    async def repeat() -> None:
        async with offersd.Client(service.path) as client:
            bot = Program(client)
            for master, order in unchanged | unknown:
                assert bot.api.answer_to(await bot.tap(master, f"m:new:acc:{order}:1")) == ACCEPTED

    service.start()
    asyncio.run(repeat())
    assert {(master, order) for order, master in database.assigned().items()} == set(taps.answers)
    assert database.history() == dict.fromkeys((order for _, order in taps.answers), 1)
