"""The new orders of an aiogram 3 bot, answered by offersd.

    dispatcher.include_router(
        new_orders_router(
            client,
            master=lambda master: master.id,
            after_accept=show_active_order,
            menu_row=[InlineKeyboardButton(text="🏠 Меню", callback_data="m:menu")],
        )
    )

It stands before the old router, and takes the callbacks ``m:new``, ``m:new:<page>``, ``m:new:card:…``, ``:acc:…``,
``:dec:…`` and ``:dec_yes:…``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timezone
from typing import Any
from weakref import WeakValueDictionary

from aiogram import Bot, Router
from aiogram.enums import ChatType
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    MessageEntity,
)

from .errors import Unreachable
from .screens import MENU, Calls, Response, Screen, Tap, respond
from .screens.adapter import failed

__all__ = ["handlers_of", "new_orders_router"]

_log = logging.getLogger("offersd.aiogram")

_CARDS = 2000
"""How many messages with accepted orders are remembered."""

_NOT_OF_FORMAT = (
    "not modified", "chat not found", "not found", "can't be edited", "no text in the message", "deactivated",
    "not enough rights", "can't initiate conversation",
)  # fmt: skip
"""What no other form of a message changes."""

Hook = Callable[..., Any]
"""A function of the bot. Like an aiogram handler it gets what it names of ``query``, the middlewares' data, and what is
said where it is used. It may be a coroutine."""


def new_orders_router(
    client: Calls,
    *,
    master: Hook,
    after_accept: Hook | None,
    menu_row: Sequence[InlineKeyboardButton],
    fallback: Hook | None = None,
) -> Router:
    """The router of new orders.

    - `master` says who taps: ``masters.id``, or an `offersd.TelegramUser`.
    - `after_accept` shows the bot's own card of an order that is the master's: after an accept, and when a tap turns
      out to be about an order that the master has. It can name ``order_id``, and ``accepted``, which is an
      `offersd.Acceptance`, or None in the second case. What it does not show, because it is None or raises, is shown
      by a card of this router.
    - `menu_row` are the buttons that lead to the bot's menu.
    - `fallback` answers the tap while offersd is `offersd.Unreachable`, and only then; see `handlers_of`. Without one a
      sentence asks to repeat the tap.
    """
    router = Router(name="offersd.new_orders")
    screens = _NewOrders(client, master, after_accept, list(menu_row), fallback)

    async def handle(query: CallbackQuery, **data: Any) -> None:
        await screens.handle(query, data)

    router.callback_query.register(handle, lambda query: Tap.read(query.data) is not None)
    return router


def handlers_of(router: Router) -> Hook:
    """A fallback: the callback handlers of the old router, called directly.

    Directly, because a middleware may swallow what a handler returns or raises; then handing on does nothing.
    """

    async def call(query: CallbackQuery, **data: Any) -> None:
        for handler in router.callback_query.handlers:
            passes, found = await handler.check(query, **data)
            if passes:
                await handler.call(query, **{**data, **found})
                return
        _log.warning("the old router has no handler", extra={"tap": query.data})

    return call


class _NewOrders:
    def __init__(
        self,
        client: Calls,
        master: Hook,
        after_accept: Hook | None,
        menu_row: list[InlineKeyboardButton],
        fallback: Hook | None,
    ) -> None:
        self._client, self._master, self._after_accept = client, master, after_accept
        self._menu_row, self._fallback = menu_row, fallback
        self._cards: OrderedDict[tuple[int, int], Screen] = OrderedDict()
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def handle(self, query: CallbackQuery, data: dict[str, Any]) -> None:
        """Answer one tap."""
        tap = Tap.read(query.data)
        assert tap is not None
        assert query.data is not None
        if query.message is not None and query.message.chat.type != ChatType.PRIVATE:
            await self._answer(query, "Откройте бота в личных сообщениях.")
            return
        master = await _call(self._master, query, data)
        try:
            response = await respond(self._client, tap, query.data, master, datetime.now(timezone.utc))
        except Unreachable as error:
            who = "a sentence" if self._fallback is None else "the old code"
            _log.warning("offersd is unreachable, %s answers: %s", who, error)
            if self._fallback is not None:
                await _call(self._fallback, query, data)
                return
            response = failed(error, query.data)
        level = logging.INFO if response.outcome in ("ok",) or response.outcome.isupper() else logging.WARNING
        _log.log(level, "tap %s order %s: %s", tap.action.name, tap.order, response.outcome)
        await self._show(query, response, data)

    async def _show(self, query: CallbackQuery, response: Response, data: dict[str, Any]) -> None:
        has_toast = await self._answer(query, response.toast)
        if response.own_order is not None and self._after_accept is not None:
            extra = {"order_id": response.own_order, "accepted": response.acceptance}
            try:
                await _call(self._after_accept, query, data, **extra)
                return
            except Exception:
                # The order is the master's, whatever happens to the screen.
                _log.exception("after_accept failed; the router's own card is shown")
        screen = response.screen if has_toast or response.toast is None else response.screen_without_toast
        if screen is not None:
            chat = query.message.chat.id if query.message is not None else query.from_user.id
            # One after the other: a list that is under way when an order is accepted must not take its card away.
            async with self._turns.setdefault(chat, asyncio.Lock()):
                await self._display(query, chat, screen)

    async def _answer(self, query: CallbackQuery, toast: str | None) -> bool:
        """End the waiting mark. Returns whether the toast was shown."""
        try:
            await _insist(lambda: query.answer(toast))
        except TelegramAPIError as error:
            _log.warning("a tap was not answered: %s", type(error).__name__)
            return False
        return True

    async def _display(self, query: CallbackQuery, chat: int, screen: Screen) -> None:
        """Show a screen in place of the message, or as a new one. Cards of accepted orders stay."""
        message = query.message
        bot = query.bot
        assert bot is not None
        try:
            if isinstance(message, Message) and not self._shows_accepted(message):
                edited = message
                if screen.accepted is not None:
                    self._remember(message, screen)
                try:
                    await self._put(screen, lambda content: edited.edit_text(**content))
                    return
                except TelegramBadRequest as error:
                    if "not modified" in error.message:
                        return
                    self._cards.pop((chat, message.message_id), None)
            elif message is not None and self._cards.get((chat, message.message_id)) == screen:
                # A second tap on the same button: the card is there.
                return
            await self._put(screen, lambda content: bot.send_message(chat, **content))
            if isinstance(message, Message) and not self._shows_accepted(message):
                await _take_buttons(bot, message)
        except TelegramForbiddenError:
            _log.info("blocked by the user")
        except TelegramAPIError as error:
            _log.error("a screen was not shown: %s", type(error).__name__)

    async def _put(self, screen: Screen, request: Callable[[dict[str, Any]], Awaitable[Any]]) -> None:
        """Make a request with the screen, and once more with a plain one if Telegram refuses its format."""
        try:
            await _insist(lambda: request(self._content(screen)))
        except TelegramBadRequest as error:
            if screen == screen.plain or any(phrase in error.message.lower() for phrase in _NOT_OF_FORMAT):
                raise
            _log.error("refused for its format; it comes as plain text")
            await _insist(lambda: request(self._content(screen.plain)))

    def _content(self, screen: Screen) -> dict[str, Any]:
        return {
            "text": screen.text,
            "entities": [MessageEntity(type=e.type, offset=e.offset, length=e.length) for e in screen.entities],
            # The bot may have a default, which would make markup of the texts.
            "parse_mode": None,
            "reply_markup": self._keyboard(screen),
            # An address in a description would get a preview that hides the buttons.
            "link_preview_options": LinkPreviewOptions(is_disabled=True),
        }

    def _shows_accepted(self, message: Message) -> bool:
        """Whether it is the card of an accepted order, this router's or the bot's own.

        What Telegram tells of a message is how it was at the tap, and that may have been before the card.
        """
        if (message.chat.id, message.message_id) in self._cards:
            return True
        beginnings = ("Активный заказ #", "Заказ #", "📞 Телефон:")
        return any(line.startswith(beginnings) for line in (message.text or "").splitlines())

    def _remember(self, message: Message, card: Screen) -> None:
        self._cards[message.chat.id, message.message_id] = card
        while len(self._cards) > _CARDS:
            self._cards.popitem(last=False)

    def _keyboard(self, screen: Screen) -> InlineKeyboardMarkup:
        rows = []
        for row in screen.buttons:
            buttons: list[InlineKeyboardButton] = []
            for button in row:
                own = [InlineKeyboardButton(text=button.text, callback_data=button.data)]
                buttons += self._menu_row if button == MENU else own
            if buttons:
                rows.append(buttons)
        return InlineKeyboardMarkup(inline_keyboard=rows)


async def _take_buttons(bot: Bot, message: Message) -> None:
    """The old message, below which a new one stands now, loses its buttons."""
    try:
        await bot.edit_message_reply_markup(chat_id=message.chat.id, message_id=message.message_id)
    except TelegramAPIError as error:
        _log.debug("an old message keeps its buttons: %s", type(error).__name__)


async def _insist(request: Callable[[], Awaitable[Any]]) -> None:
    """Make a request of the Bot API, and once more if Telegram asks to wait, or does not answer."""
    try:
        await request()
    except TelegramRetryAfter as wait:
        if wait.retry_after > 3:
            raise
        await asyncio.sleep(wait.retry_after)
        await request()
    except (TelegramNetworkError, TelegramServerError):
        await asyncio.sleep(0.5)
        await request()


async def _call(hook: Hook, query: CallbackQuery, data: dict[str, Any], **extra: Any) -> Any:
    """Call a function of the bot with what it names, as aiogram does; its first parameter may have any name."""
    given = {**data, **extra, "query": query}
    parameters = list(inspect.signature(hook).parameters.values())
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        named = {name: value for name, value in given.items() if name != "query"}
        outcome = hook(query, **named)
    else:
        arguments: list[Any] = []
        if parameters and parameters[0].name not in given:
            arguments.append(query)
            parameters = parameters[1:]
        outcome = hook(*arguments, **{p.name: given[p.name] for p in parameters if p.name in given})
    return await outcome if inspect.isawaitable(outcome) else outcome
