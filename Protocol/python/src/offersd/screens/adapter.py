"""Turns a tap into a call, and what came of it into a screen. It remembers nothing from one tap to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..errors import OffersdError, OutcomeUnknown, Refused, TimedOut, Unreachable
from ..results import Acceptance, Declination, Master, OfferDetails, OfferList
from . import screen as screens
from .screen import Screen
from .tap import PAGE_SIZE, Action, Tap
from .text import TOAST_LIMIT, or_none, toast, utf16

NOT_IN_TIME = "⏳ Сервис не успел ответить. Ничего не изменилось, повторите."
UNKNOWN = "❔ Связь оборвалась, результат неизвестен. Повторите: это безопасно."
RESTARTING = "🔄 Сервис перезапускается. Повторите через несколько секунд."
INTERNAL = "⚠️ Внутренняя ошибка сервиса. Повторите или сообщите в поддержку."

_THEN_LIST = {
    "MASTER_NOT_FOUND": "⚠️ Вы не зарегистрированы как мастер. Нажмите /start или обратитесь в поддержку.",
    "OFFER_NOT_FOUND": "⚠️ Заказ не найден",
    "OFFER_EXPIRED": "⏰ Время истекло. Заказ ушёл другим мастерам.",
    "OFFER_DECLINED": "❌ Вы уже отклонили этот заказ",
    "OFFER_CANCELED": "⚠️ Предложение отозвано",
    "ORDER_TAKEN": "⚠️ Заказ уже занят другим мастером",
    "ORDER_NOT_AVAILABLE": "⚠️ Заказ сейчас недоступен",
    "ALREADY_YOURS": "✅ Вы уже приняли этот заказ",
}
_STAY = {
    "MASTER_NOT_ACTIVE": "⛔️ Ваша анкета не подтверждена или отключена. Обратитесь в поддержку.",
    "LIMIT_REACHED": "Достигнут лимит активных заказов. Завершите текущие, чтобы брать новые.",
}
_TRY_AGAIN = {
    "DATABASE_UNAVAILABLE": "🔌 Сервис временно недоступен. Ничего не изменилось, повторите чуть позже.",
    "OVERLOADED": "⏳ Сервис перегружен. Ничего не изменилось, повторите чуть позже.",
    "TIMED_OUT": NOT_IN_TIME,
    "OUTCOME_UNKNOWN": UNKNOWN,
    "SHUTTING_DOWN": RESTARTING,
}


class Calls(Protocol):
    """What is called: `offersd.Client`, or its double in a test."""

    async def list_offers(self, master: Master, *, limit: int, offset: int) -> OfferList:
        """See `offersd.Client`."""

    async def get_offer(self, master: Master, order_id: int) -> OfferDetails:
        """See `offersd.Client`."""

    async def accept_offer(self, master: Master, order_id: int) -> Acceptance:
        """See `offersd.Client`."""

    async def decline_offer(self, master: Master, order_id: int) -> Declination:
        """See `offersd.Client`."""


@dataclass(frozen=True)
class Response:
    """What a tap leads to."""

    toast: str | None
    """At most 200 units of plain text; None for a tap that is answered without one."""
    screen: Screen | None
    """What the message shows from now on; None if it stays as it is."""
    screen_without_toast: Screen | None
    """What it shows if the toast could not be shown."""
    outcome: str = "ok"
    """What became of the call, for the log."""
    own_order: int | None = None
    """The order, if it is this master's: the bot's own card of it is to be shown."""
    acceptance: Acceptance | None = None
    """The result of an accept."""


async def respond(calls: Calls, tap: Tap, data: str, master: Master, now: datetime) -> Response:
    """Do what a tap asks for; `data` is its ``callback_data``, for the button that repeats it.

    Raises `Unreachable`, if not even the first call could be made. Nothing was changed then.
    """
    try:
        return await _carry_out(calls, tap, master, now)
    except Unreachable:
        raise
    except Refused as refusal:
        if tap.action is Action.CARD and refusal.reason == "OFFER_NOT_FOUND":
            return _screen(None, screens.NO_SUCH_OFFER, refusal.reason)
        if refusal.reason in _THEN_LIST:
            sentence = _THEN_LIST[refusal.reason]
            own = tap.order if refusal.reason == "ALREADY_YOURS" else None
            return _above(sentence, await _list_or_failure(calls, tap.page, master, now), refusal.reason, own)
        if refusal.reason in _STAY or refusal.reason == "MASTER_BLOCKED":
            sentence = _STAY.get(refusal.reason) or _blocked(refusal.data.get("blockedReason"))
            return Response(toast(sentence), None, screens.notice(sentence, tap.page), refusal.reason)
        return failed(refusal, data)
    except OffersdError as error:
        return failed(error, data)


def failed(error: OffersdError, data: str) -> Response:
    """The answer to a call that may work if it is made again."""
    sentence = _sentence(error)
    outcome = error.reason if isinstance(error, Refused) else type(error).__name__
    return _screen(toast(sentence), screens.failure(sentence, data), outcome)


async def _carry_out(calls: Calls, tap: Tap, master: Master, now: datetime) -> Response:
    if tap.action is Action.LIST:
        return _screen(None, await _list(calls, tap.page, master, now))
    if tap.action is Action.NO_ORDER:
        return _above("Заказ не найден.", await _list_or_failure(calls, 1, master, now))
    if tap.action is Action.ASK_TO_DECLINE:
        return _screen(None, screens.decline_question(tap))
    if tap.action is Action.CARD:
        details = await calls.get_offer(master, tap.order)
        return _screen(None, screens.card(details.offer, tap.page, now))
    if tap.action is Action.ACCEPT:
        accepted = await calls.accept_offer(master, tap.order)
        is_old = accepted.already_accepted and accepted.order.status != "ASSIGNED"
        sentence = "Этот заказ уже ваш." if is_old else "Заявка принята. Удачи в работе!"
        shown = screens.accepted(accepted.order, now)
        return Response(sentence, shown, shown, own_order=tap.order, acceptance=accepted)
    await calls.decline_offer(master, tap.order)
    return _above("Предложение скрыто.", await _list_or_failure(calls, tap.page, master, now, after_write=True))


async def _list(calls: Calls, page: int, master: Master, now: datetime) -> Screen:
    """The list as it is now. Who is no master has an empty one."""
    try:
        while True:
            result = await calls.list_offers(master, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
            # The list may have become shorter since the button was made, and again meanwhile.
            if result.offers or result.total <= 0 or page <= 1:
                return screens.offer_list(result, page, now)
            page = min(page - 1, screens.last_page(result.total))
    except Refused as refusal:
        if refusal.reason == "MASTER_NOT_FOUND":
            return screens.EMPTY_LIST
        raise


async def _list_or_failure(
    calls: Calls, page: int, master: Master, now: datetime, *, after_write: bool = False
) -> Screen:
    """The list, or the screen that says why there is none. After a write no sentence says that nothing changed."""
    try:
        return await _list(calls, page, master, now)
    except OffersdError as error:
        again = Tap(Action.LIST, page=page).data
        return screens.failure(
            "⚠️ Список сейчас не загрузился. Повторите чуть позже." if after_write else _sentence(error), again
        )


def _sentence(error: OffersdError) -> str:
    if isinstance(error, Refused):
        return _THEN_LIST.get(error.reason) or _STAY.get(error.reason) or _TRY_AGAIN.get(error.reason) or INTERNAL
    if isinstance(error, OutcomeUnknown):
        return UNKNOWN
    if isinstance(error, Unreachable):
        return RESTARTING
    return NOT_IN_TIME if isinstance(error, TimedOut) else INTERNAL


def _blocked(reason: object) -> str:
    """Only the reason is cut, so that the last sentence always fits. A toast is plain text."""
    start = "⛔️ Ваш аккаунт заблокирован.\n\n"
    text = or_none(reason) if isinstance(reason, str) else None
    if text is None:
        return start + "Обратитесь в поддержку для подробностей."
    end = "\n\nОбратитесь в поддержку для разблокировки."
    return f"{start}Причина: {toast(text, TOAST_LIMIT - utf16(start + 'Причина: ' + end))}{end}"


def _screen(words: str | None, screen: Screen, outcome: str = "ok") -> Response:
    return Response(words, screen, screen, outcome)


def _above(sentence: str, screen: Screen, outcome: str = "ok", own_order: int | None = None) -> Response:
    return Response(toast(sentence), screen, screen.headed(sentence), outcome, own_order)
