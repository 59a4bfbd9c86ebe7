"""The router in a program as the company's, on a real offersd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bot import Program
from database import Database

import offersd


def with_bot(socket: str, test: Callable[[Program], Awaitable[Any]], **options: Any) -> Program:
    async def run() -> Program:
        async with offersd.Client(socket, deadline=1) as client:
            program = Program(client, **options)
            await test(program)
            return program

    return asyncio.run(run())


def test_from_list_to_accepted(database: Database, socket: str, master: int) -> None:
    orders = database.add_orders(6, master, description="<b>5 & 6</b>")

    async def walk(bot: Program) -> None:
        await bot.tap(master, "m:new")
        assert f"Открыть #{orders[-1]}" not in bot.api.screens[-1]
        assert bot.api.requests[-1].parse_mode is None  # type: ignore[attr-defined]
        assert bot.api.buttons() == [*(f"m:new:card:{order}:1" for order in reversed(orders[1:])), "m:new:2", "home"]
        await bot.tap(master, "m:new:2")
        assert "Страница 2/2 • всего: 6" in bot.api.screens[-1]
        await bot.tap(master, f"m:new:card:{orders[0]}:2")
        assert "<b>5 & 6</b>" in bot.api.screens[-1]
        await bot.tap(master, f"m:new:dec:{orders[0]}:2")
        assert bot.api.buttons() == [f"m:new:dec_yes:{orders[0]}:2", f"m:new:card:{orders[0]}:2"]
        await bot.tap(master, f"m:new:dec_yes:{orders[0]}:2")
        assert bot.api.toasts[-1] == "Предложение скрыто."
        assert "всего: 5" in bot.api.screens[-1]
        await bot.tap(master, f"m:new:acc:{orders[1]}:1")
        assert bot.api.toasts[-1] == "Заявка принята. Удачи в работе!"
        assert bot.cards == [(orders[1], True)]
        await bot.tap(master, f"m:new:card:{orders[1]}:1")
        assert bot.cards[-1] == (orders[1], False)
        await bot.tap(master, "m:new:acc:nothing")
        assert bot.api.toasts[-1] == "Заказ не найден."
        await bot.tap(master, f"m:new:acc:{2**70}")
        assert bot.api.toasts[-1] == "⚠️ Заказ не найден"
        await bot.tap(master, "m:new", chat="group")
        assert bot.api.toasts[-1] == "Откройте бота в личных сообщениях."
        assert bot.old == []

    with_bot(socket, walk)
    assert database.assigned()[orders[1]] == master


def test_double_tap(database: Database, socket: str, master: int) -> None:
    (order,) = database.add_orders(1, master)

    async def walk(bot: Program) -> None:
        await asyncio.gather(*(bot.tap(master, f"m:new:acc:{order}:1") for _ in range(5)))
        assert set(bot.api.toasts) == {"Заявка принята. Удачи в работе!"}

    with_bot(socket, walk)
    assert database.history()[order] == 1


@pytest.mark.parametrize(
    ("change", "toast"),
    [
        ("UPDATE masters SET is_blocked = true, blocked_reason = repeat('<b>x</b>', 99)", "Причина: <b>x</b>"),
        ("UPDATE masters SET is_blocked = true", "подробностей"),
        ("UPDATE masters SET is_deleted = true", "Ваша анкета не подтверждена"),
        ("UPDATE masters SET max_active_orders_override = 1", "Достигнут лимит"),
    ],
)
def test_refusals_that_leave_the_screen(change: str, toast: str, database: Database, socket: str, master: int) -> None:
    first, second = database.add_orders(2, master)
    if "max_active" in change:
        database.sql(f"UPDATE orders SET assigned_master_id = {master}, status = 'WORKING' WHERE id = {first}")
    database.sql(f"{change} WHERE id = {master}")

    async def walk(bot: Program) -> None:
        await bot.tap(master, f"m:new:acc:{second}:1")
        assert toast in bot.api.toasts[-1]
        assert bot.api.screens == []
        bot.api.refusals["AnswerCallbackQuery"] = "query is too old and response timeout expired"
        await bot.tap(master, f"m:new:acc:{second}:1")
        assert [entity.type for entity in bot.api.requests[-1].entities or []] == []  # type: ignore[attr-defined]

    with_bot(socket, walk)


@pytest.mark.parametrize(
    ("change", "toast"),
    [
        ("UPDATE offers SET state = 'DECLINED'", "❌ Вы уже отклонили этот заказ"),
        ("UPDATE offers SET state = 'CANCELED'", "⚠️ Предложение отозвано"),
        ("UPDATE offers SET expires_at = now() - interval '1 day'", "⏰ Время истекло. Заказ ушёл другим мастерам."),
        ("UPDATE offers SET state = 'CANCELED'; UPDATE orders SET assigned_master_id = RIVAL, status = 'ASSIGNED'",
         "⚠️ Заказ уже занят другим мастером"),
        ("UPDATE orders SET status = 'CANCELED'", "⚠️ Заказ сейчас недоступен"),
    ],
)  # fmt: skip
def test_refusals_with_the_list(
    change: str, toast: str, database: Database, socket: str, master: int, rival: int
) -> None:
    (order,) = database.add_orders(1, master)
    for statement in change.replace("RIVAL", str(rival)).split("; "):
        column = "order_id" if "offers" in statement else "id"
        database.sql(f"{statement} WHERE {column} = {order}")

    async def walk(bot: Program) -> None:
        await bot.tap(master, f"m:new:acc:{order}:1")
        assert bot.api.toasts == [toast]
        assert bot.api.screens == ["Нет новых предложений"]

    with_bot(socket, walk)


def test_own_card_fails_after_the_commit(database: Database, socket: str, master: int) -> None:
    (order,) = database.add_orders(1, master)

    async def walk(bot: Program) -> None:
        bot.card_fails = True
        await bot.tap(master, f"m:new:acc:{order}:1")
        assert f"Активный заказ #{order}" in bot.api.screens[-1]

    with_bot(socket, walk)


def test_messages_that_cannot_be_edited(socket: str, master: int) -> None:
    async def walk(bot: Program) -> None:
        bot.api.refusals["EditMessageText"] = "Bad Request: message is not modified"
        await bot.tap(master, "m:new")
        assert [type(request).__name__ for request in bot.api.requests] == ["AnswerCallbackQuery", "EditMessageText"]
        bot.api.refusals["EditMessageText"] = "Bad Request: message can't be edited"
        await bot.tap(master, "m:new")
        assert [type(request).__name__ for request in bot.api.requests[-2:]] == [
            "SendMessage",
            "EditMessageReplyMarkup",
        ]

    with_bot(socket, walk)


def test_accepted_card_stays(database: Database, socket: str, master: int) -> None:
    (order,) = database.add_orders(1, master)

    async def walk(bot: Program) -> None:
        bot.card_fails = True
        for _ in range(2):
            await bot.tap(master, f"m:new:acc:{order}:1", message_id=7)
        # Below the card, and below what was there before it.
        await bot.tap(master, "m:new", message_id=7, text=f"Активный заказ #{order}")
        await bot.tap(master, "m:new", message_id=7)
        await bot.tap(master, "m:new", message_id=8, text=f"Активный заказ #{order}\n📞 Телефон: +70000000000")
        shown = [
            type(request).__name__ for request in bot.api.requests if type(request).__name__ != "AnswerCallbackQuery"
        ]
        assert shown == ["EditMessageText", "SendMessage", "SendMessage", "SendMessage"]

    with_bot(socket, walk)


def test_refused_format(database: Database, socket: str, master: int) -> None:
    (order,) = database.add_orders(1, master, description="<\u0301b>")

    async def walk(bot: Program) -> None:
        bot.api.refuses_format = True
        bot.api.refusals["EditMessageText"] = "Bad Request: can't parse entities"
        await bot.tap(master, f"m:new:card:{order}:1")
        formatted, plain = (text for text in bot.api.screens if "<\u0301b>" in text)
        assert formatted == plain

    with_bot(socket, walk)


def test_fallback_only_while_unreachable(database: Database, socket: str, master: int, folder: str) -> None:
    async def without(bot: Program) -> None:
        await bot.tap(master, "m:new:acc:1:1")
        assert bot.api.toasts == ["🔄 Сервис перезапускается. Повторите через несколько секунд."]
        assert bot.api.buttons() == ["m:new:acc:1:1", "home"]

    async def with_old(bot: Program) -> None:
        await bot.tap(master, "m:new:acc:1:1")
        await bot.tap(master, "m:new:dec:1:1")
        assert bot.old == [f"{master} m:new:acc:1:1"]
        assert bot.api.toasts == ["old", ""]

    with_bot(f"{folder}/none.sock", without)
    with_bot(f"{folder}/none.sock", with_old, with_old_code=True)


def test_outcome_unknown_is_said_so(socket: str, master: int) -> None:
    class Broken(offersd.Client):
        async def accept_offer(self, master: offersd.Master, order_id: int) -> offersd.Acceptance:
            raise offersd.OutcomeUnknown

    async def walk() -> None:
        async with Broken(socket) as client:
            bot = Program(client, with_old_code=True)
            await bot.tap(master, "m:new:acc:1:1")
            assert bot.api.toasts == ["❔ Связь оборвалась, результат неизвестен. Повторите: это безопасно."]
            assert bot.api.buttons() == ["m:new:acc:1:1", "home"]
            assert bot.old == []

    asyncio.run(walk())
