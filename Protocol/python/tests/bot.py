"""A small aiogram program as the company's: a middleware that swallows results, and the old code behind ours."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timezone
from typing import Any

from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import AnswerCallbackQuery, EditMessageText, SendMessage, TelegramMethod
from aiogram.types import CallbackQuery, Chat, InlineKeyboardButton, Message, TelegramObject, Update, User

import offersd
from offersd.aiogram import handlers_of, new_orders_router
from offersd.screens import Calls

_numbers = itertools.count(1)

OldAccept = Callable[[int, int], Awaitable[str]]
"""The company's own accept of a master and an order; it returns the toast."""


class BotAPI(BaseSession):
    """A double of the Bot API, which refuses what Telegram refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[TelegramMethod[Any]] = []
        self.refusals: dict[str, str] = {}
        self.refuses_format = False

    async def close(self) -> None:
        """Nothing is open."""

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:
        """Record the request, and answer it."""
        self.requests.append(method)
        name = type(method).__name__
        if name in self.refusals and (not self.refuses_format or getattr(method, "entities", None)):
            raise TelegramBadRequest(method=method, message=self.refusals[name])
        if isinstance(method, AnswerCallbackQuery):
            assert len(method.text or "") <= 200
            return True
        if isinstance(method, EditMessageText | SendMessage):
            assert len(method.text or "") <= 4096
            # The old code has markup, and this router has entities.
            assert method.parse_mode is None or not method.entities
            for entity in method.entities or []:
                assert entity.offset >= 0
                assert entity.offset + entity.length <= len((method.text or "").encode("utf-16-le")) // 2
            chat = Chat(id=int(method.chat_id or 0), type="private")
            return Message(message_id=next(_numbers), date=datetime.now(timezone.utc), chat=chat)
        return True

    async def stream_content(self, *arguments: Any, **named: Any) -> AsyncGenerator[bytes, None]:
        """No file is ever asked for."""
        yield b""

    def texts(self, kind: type[TelegramMethod[Any]]) -> list[str]:
        """The texts of these requests."""
        return [getattr(request, "text", None) or "" for request in self.requests if isinstance(request, kind)]

    def answer_to(self, query: str) -> str | None:
        """The toast of this tap; None if it has not been answered."""
        for request in self.requests:
            if isinstance(request, AnswerCallbackQuery) and request.callback_query_id == query:
                return request.text or ""
        return None

    @property
    def toasts(self) -> list[str]:
        """What was shown as a toast."""
        return self.texts(AnswerCallbackQuery)

    @property
    def screens(self) -> list[str]:
        """What messages showed."""
        return [text for kind in (EditMessageText, SendMessage) for text in self.texts(kind)]

    def buttons(self) -> list[str]:
        """The callbacks of the last screen."""
        last = [request for request in self.requests if isinstance(request, EditMessageText | SendMessage)][-1]
        assert last.reply_markup is not None
        rows = getattr(last.reply_markup, "inline_keyboard", [])
        return [button.callback_data for row in rows for button in row]


class Telegram:
    """A bot without any handlers yet, and taps on its buttons."""

    def __init__(self) -> None:
        self.api = BotAPI()
        self.bot = Bot("42:TEST", session=self.api)
        self.dispatcher = Dispatcher()

    async def tap(
        self, master: int, data: str, *, chat: str = "private", message_id: int | None = None, text: str = "old"
    ) -> str:
        """A tap of a master on a button. Returns the query's id when the program is done with it."""
        user = User(id=7_000_000_000 + master, is_bot=False, first_name="Test")
        message = Message(
            message_id=message_id or next(_numbers),
            date=datetime.now(timezone.utc),
            chat=Chat(id=user.id, type=chat),
            text=text,
        )
        query = CallbackQuery(id=str(next(_numbers)), from_user=user, chat_instance="1", message=message, data=data)
        await self.dispatcher.feed_update(self.bot, Update(update_id=next(_numbers), callback_query=query))
        return query.id


class Program(Telegram):
    """The company's bot."""

    def __init__(self, client: Calls, *, with_old_code: bool = False, old_accept: OldAccept | None = None) -> None:
        super().__init__()
        self.old: list[str] = []
        self.cards: list[tuple[int, bool]] = []
        self.card_fails = False

        async def swallowing(
            handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
            event: TelegramObject,
            data: dict[str, Any],
        ) -> Any:
            data["master"] = data["event_from_user"].id - 7_000_000_000
            try:
                return await handler(event, data)
            finally:
                return None  # noqa: B012, SIM107

        self.dispatcher.update.outer_middleware(swallowing)
        self.dispatcher.callback_query.middleware(swallowing)

        async def show_card(query: CallbackQuery, order_id: int, accepted: offersd.Acceptance | None) -> None:
            if self.card_fails:
                raise RuntimeError("the company's card")
            self.cards.append((order_id, accepted is not None))

        old = Router()

        async def old_code(callback: CallbackQuery, master: int) -> None:
            self.old.append(f"{master} {callback.data}")
            parts = (callback.data or "").split(":")
            is_accept = old_accept and parts[2:3] == ["acc"]
            await callback.answer(await old_accept(master, int(parts[3])) if old_accept and is_accept else "old")

        old.callback_query(F.data.startswith("m:new"))(old_code)

        router = new_orders_router(
            client,
            master=lambda master: master,
            after_accept=show_card,
            menu_row=[InlineKeyboardButton(text="Домой", callback_data="home")],
            fallback=handlers_of(old) if with_old_code or old_accept else None,
        )
        self.dispatcher.include_routers(router, old)
