"""What a master sees: a text and rows of buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .. import results
from .tap import PAGE_SIZE, Action, Tap
from .text import category, fit, or_none, slot, status, utf16


@dataclass(frozen=True)
class Button:
    """A button, and the ``callback_data`` that it sends."""

    text: str
    data: str


MENU = Button("🏠 Меню", "m:menu")
"""Stands for the bot's own row of its menu."""


@dataclass(frozen=True)
class Entity:
    """A stretch of a text that looks different."""

    type: str
    """``bold`` or ``italic``."""
    offset: int
    """In UTF-16 units, as the length."""
    length: int


@dataclass(frozen=True)
class Screen:
    """A plain text of at most 4,096 UTF-16 units, where it looks different, and rows of buttons."""

    text: str
    buttons: list[list[Button]]
    entities: list[Entity] = field(default_factory=list)
    accepted: int | None = None
    """The order whose accepted card it is. Nothing takes the place of such a card."""

    def headed(self, sentence: str) -> Screen:
        """The screen with a sentence above it that could not be shown as a toast."""
        head = f"{fit(sentence, 300, keeping_lines=True)}\n\n"
        moved = [Entity(entity.type, utf16(head) + entity.offset, entity.length) for entity in self.entities]
        return Screen(head + self.text, self.buttons, moved, self.accepted)

    @property
    def plain(self) -> Screen:
        """The same without any format."""
        return Screen(self.text, self.buttons, accepted=self.accepted)


EMPTY_LIST = Screen("Нет новых предложений", [[Button("🔄 Обновить", "m:new")], [MENU]])


def _back(page: int) -> Button:
    return Button("⬅️ Назад", Tap(Action.LIST, page=page).data)


NO_SUCH_OFFER = Screen("Заявка не найдена. Возможно, её уже взял другой мастер.", [[_back(1), MENU]])


def last_page(total: int) -> int:
    """The last page of a list."""
    return (max(total, 1) - 1) // PAGE_SIZE + 1


def offer_list(result: results.OfferList, page: int, now: datetime) -> Screen:
    """A page of the list."""
    if result.total <= 0:
        return EMPTY_LIST
    pages = last_page(result.total)
    lines = [
        "Главное меню > Новые заказы",
        "🆕 Новые заказы",
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
    return _titled(lines, [*rows, *([turns] if turns else []), [MENU]], "italic", "bold")


def card(offer: results.OfferCard, page: int, now: datetime) -> Screen:
    """An offer that can be taken."""
    description = or_none(offer.description)
    lines = [
        f"Заявка #{offer.order_id}",
        f"📍 Адрес: {_place(offer.city, offer.district, offer.street, offer.house)}",
        f"🗓 Слот: {slot(offer.timeslot, offer.timezone, now) or '—'}",
        f"🛠 Категория: {category(offer.category)}",
        f"📝 Описание: {fit(description.strip(), 2500, keeping_lines=True) if description else '—'}",
    ]
    accept = Button("✅ Взять", Tap(Action.ACCEPT, offer.order_id, page).data)
    decline = Button("✖️ Отказаться", Tap(Action.ASK_TO_DECLINE, offer.order_id, page).data)
    return _titled(lines, [[accept, decline], [_back(page), MENU]], "bold")


def accepted(order: results.AcceptedOrder, now: datetime) -> Screen:
    """An order that is the master's: the only screen with the client's data."""
    if order.status in ("ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT"):
        way, title = "Главное меню > Активные заказы > Заказ", "Активный заказ"
    else:
        way, title = "Главное меню > Заказ", "Заказ"
    lines = [
        f"{way} #{order.order_id}",
        f"{title} #{order.order_id}",
        f"📍 Адрес: {_place(order.city, order.district, order.street, order.house)}",
    ]
    if apartment := or_none(order.apartment):
        lines.append(f"🚪 Квартира: {fit(apartment, 60)}")
    if comment := or_none(order.address_comment):
        lines.append(f"💬 Комментарий: {fit(comment, 500)}")
    lines += [
        f"🗓 Слот: {slot(order.timeslot, order.timezone, now) or '—'}",
        f"🛠 Категория: {category(order.category)}",
        f"🔁 Текущий статус: {status(order.status)}",
        f"👤 Клиент: {fit(or_none(order.client_name) or '—', 150)}",
        f"📞 Телефон: {fit(or_none(order.client_phone) or '—', 60)}",
    ]
    if description := or_none(order.description):
        lines += ["", fit(description, 2000, keeping_lines=True)]
    return _titled(lines, [[_back(1), MENU]], "italic", "bold", accepted=order.order_id)


def decline_question(tap: Tap) -> Screen:
    """The question before a decline."""
    text = f"⚠️ Вы уверены, что хотите отклонить заказ #{tap.order}?\n\nОтклонённый заказ пропадёт из списка."
    yes = Button("✅ Да, отклонить", Tap(Action.DECLINE, tap.order, tap.page).data)
    no = Button("❌ Нет, вернуться", Tap(Action.CARD, tap.order, tap.page).data)
    return Screen(text, [[yes, no]])


def notice(sentence: str, page: int) -> Screen:
    """A sentence that would have been a toast above a screen that stays."""
    return Screen(fit(sentence, 300, keeping_lines=True), [[_back(page), MENU]])


def failure(sentence: str, retry: str) -> Screen:
    """Something that may work if the same button is pressed again."""
    return Screen(fit(sentence, 300, keeping_lines=True), [[Button("🔄 Повторить", retry)], [MENU]])


def _titled(lines: list[str], buttons: list[list[Button]], *looks: str, accepted: int | None = None) -> Screen:
    """A screen whose first lines have these looks."""
    entities = []
    offset = 0
    for line, look in zip(lines, looks, strict=False):
        entities.append(Entity(look, offset, utf16(line)))
        offset += utf16(line) + 1
    return Screen("\n".join(lines), buttons, entities, accepted)


def _place(city: str, *rest: str | None) -> str:
    parts = [fit(part) for part in rest if part is not None and or_none(part)]
    return ", ".join([fit(city) if or_none(city) else "—", *parts])
