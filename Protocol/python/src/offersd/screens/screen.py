"""What a master sees: a text and rows of buttons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .. import results
from .tap import PAGE_SIZE, Action, Tap
from .text import category, escaped, or_none, slot, status


@dataclass(frozen=True)
class Button:
    """A button, and the ``callback_data`` that it sends."""

    text: str
    data: str


MENU = Button("🏠 Меню", "m:menu")
"""Stands for the bot's own row of its menu."""


@dataclass(frozen=True)
class Screen:
    """A text with Telegram's HTML markup, at most 4,096 units, and rows of buttons."""

    text: str
    buttons: list[list[Button]]

    def headed(self, sentence: str) -> Screen:
        """The screen with a sentence above it that could not be shown as a toast."""
        return Screen(f"{escaped(sentence, 300, keeping_lines=True)}\n\n{self.text}", self.buttons)


EMPTY_LIST = Screen("Нет новых предложений", [[Button("🔄 Обновить", "m:new")], [MENU]])


def _back(page: int) -> Button:
    return Button("⬅️ Назад", Tap(Action.LIST, page=page).data)


NO_SUCH_OFFER = Screen("Заявка не найдена. Возможно, её уже приняли другим мастером.", [[_back(1), MENU]])


def last_page(total: int) -> int:
    """The last page of a list."""
    return (max(total, 1) - 1) // PAGE_SIZE + 1


def offer_list(result: results.OfferList, page: int, now: datetime) -> Screen:
    """A page of the list."""
    if result.total <= 0:
        return EMPTY_LIST
    pages = last_page(result.total)
    lines = [
        "<i>Главное меню &gt; Новые заказы</i>",
        "<b>🆕 Новые заказы</b>",
        f"Страница {page}/{pages} • всего: {result.total}",
        "",
    ]
    for offer in result.offers:
        when = slot(offer.timeslot, offer.timezone, now) or "сегодня/ASAP"
        lines.append(f"#{offer.order_id} • {_place(offer.city, offer.district)} • {category(offer.category)} • {when}")
    rows = [
        [Button(f"Открыть #{offer.order_id}", Tap(Action.CARD, offer.order_id, page).data)] for offer in result.offers
    ]
    turns = []
    if page > 1:
        turns.append(Button("◀️ Назад", f"m:new:{page - 1}"))
    if page < pages:
        turns.append(Button("Вперёд ▶️", f"m:new:{page + 1}"))
    return Screen("\n".join(lines), [*rows, *([turns] if turns else []), [MENU]])


def card(offer: results.OfferCard, page: int, now: datetime) -> Screen:
    """An offer that can be taken."""
    description = or_none(offer.description)
    lines = [
        f"<b>Заявка #{offer.order_id}</b>",
        f"📍 Адрес: {_place(offer.city, offer.district, offer.street, offer.house)}",
        f"🗓 Слот: {slot(offer.timeslot, offer.timezone, now) or '—'}",
        f"🛠 Категория: {category(offer.category)}",
        f"📝 Описание: {escaped(description.strip(), 2500, keeping_lines=True) if description else '—'}",
    ]
    accept = Button("✅ Взять", Tap(Action.ACCEPT, offer.order_id, page).data)
    decline = Button("✖️ Отказаться", Tap(Action.ASK_TO_DECLINE, offer.order_id, page).data)
    return Screen("\n".join(lines), [[accept, decline], [_back(page), MENU]])


def accepted(order: results.AcceptedOrder, now: datetime) -> Screen:
    """An order that is the master's: the only screen with the client's data."""
    if order.status in ("ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT"):
        way, title = "Главное меню &gt; Активные заказы &gt; Заказ", "Активный заказ"
    else:
        way, title = "Главное меню &gt; Заказ", "Заказ"
    lines = [
        f"<i>{way} #{order.order_id}</i>",
        f"<b>{title} #{order.order_id}</b>",
        f"📍 Адрес: {_place(order.city, order.district, order.street, order.house)}",
    ]
    if apartment := or_none(order.apartment):
        lines.append(f"🚪 Квартира: {escaped(apartment, 60)}")
    if comment := or_none(order.address_comment):
        lines.append(f"💬 Комментарий: {escaped(comment, 500)}")
    lines += [
        f"🗓 Слот: {slot(order.timeslot, order.timezone, now) or '—'}",
        f"🛠 Категория: {category(order.category)}",
        f"🔁 Текущий статус: {status(order.status)}",
        f"👤 Клиент: {escaped(or_none(order.client_name) or '—', 150)}",
        f"📞 Телефон: {escaped(or_none(order.client_phone) or '—', 60)}",
    ]
    if description := or_none(order.description):
        lines += ["", escaped(description, 2000, keeping_lines=True)]
    return Screen("\n".join(lines), [[_back(1), MENU]])


def decline_question(tap: Tap) -> Screen:
    """The question before a decline."""
    text = f"⚠️ Вы уверены, что хотите отклонить заказ #{tap.order}?\n\nОтклонённый заказ пропадёт из списка."
    yes = Button("✅ Да, отклонить", Tap(Action.DECLINE, tap.order, tap.page).data)
    no = Button("❌ Нет, вернуться", Tap(Action.CARD, tap.order, tap.page).data)
    return Screen(text, [[yes, no]])


def notice(sentence: str, page: int) -> Screen:
    """A sentence that would have been a toast above a screen that stays."""
    return Screen(escaped(sentence, 300, keeping_lines=True), [[_back(page), MENU]])


def failure(sentence: str, retry: str) -> Screen:
    """Something that may work if the same button is pressed again."""
    return Screen(escaped(sentence, 300, keeping_lines=True), [[Button("🔄 Повторить", retry)], [MENU]])


def _place(city: str, *rest: str | None) -> str:
    parts = [escaped(part) for part in rest if part is not None and or_none(part)]
    return ", ".join([escaped(city) if or_none(city) else "—", *parts])
