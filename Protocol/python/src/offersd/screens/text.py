"""Values as they stand in a message, and the words for labels and times.

There is no markup, so nothing is escaped. Values are cut so that a message fits: Telegram counts UTF-16 units.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..results import Timeslot

TOAST_LIMIT = 200
"""The longest text of answerCallbackQuery."""

_CATEGORIES = {
    "ELECTRICS": "⚡ Электрика",
    "PLUMBING": "🚰 Сантехника",
    "APPLIANCES": "🔌 Бытовая техника",
    "WINDOWS": "🪟 Окна",
    "HANDYMAN": "🔧 Мелкий ремонт",
    "ROADSIDE": "🚗 Помощь на дороге",
}
_STATUSES = {
    "ASSIGNED": "Назначено мастеру",
    "EN_ROUTE": "Мастер в пути",
    "WORKING": "Мастер работает",
    "PAYMENT": "Ожидает подтверждения оплаты",
    "CLOSED": "Заказ закрыт",
    "DEFERRED": "Заказ отложен",
    "GUARANTEE": "Гарантийный визит",
    "CANCELED": "Заказ отменён",
    "CREATED": "Создан",
    "SEARCHING": "Идёт поиск мастера",
}


_EMBEDDINGS = "\u202a\u202b\u202d\u202e"
_ISOLATES = "\u2066\u2067\u2068"


def utf16(text: str) -> int:
    """How long Telegram finds it."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(value: str, limit: int = 100, *, keeping_lines: bool = False) -> str:
    """A value from outside, at most `limit` units long, cut with an ellipsis at the end of a character.

    What turns the direction of writing ends with the value (Unicode Standard Annex 9, 3.1.2 and 3.1.5).
    """
    done, cut, turns = "", "…", ""
    for character in _characters(value):
        piece = _shown(character, keeping_lines)
        next_turns = _turns(turns, piece)
        if utf16(done + piece) + len(next_turns) > limit:
            return cut
        done, turns = done + piece, next_turns
        if utf16(done) + len(turns) < limit:
            cut = f"{done}…{_ends(turns)}"
    return done + _ends(turns)


def toast(text: str, limit: int = TOAST_LIMIT) -> str:
    """A plain text, cut in the same way."""
    if utf16(text) <= limit:
        return text
    done = ""
    for character in _characters(text):
        if utf16(done + character) >= limit:
            break
        done += character
    return done + "…"


def or_none(text: str | None) -> str | None:
    """The text, or None if there is nothing to read in it."""
    return text if text is not None and text.strip() else None


def category(label: str | None) -> str:
    """The words for an order's category. A label of a later version is shown as it is."""
    known = or_none(label)
    return "—" if known is None else _CATEGORIES.get(known) or fit(known, 60)


def status(label: str) -> str:
    """The words for an order's status."""
    return _STATUSES.get(label) or fit(label, 60)


def slot(value: Timeslot | None, zone_name: str | None, now: datetime) -> str | None:
    """A slot as masters read it, in the zone of the order's city: ``завтра 10:00-13:00``."""
    zone = _zone(zone_name if zone_name and zone_name.strip() else "Europe/Moscow")
    moments = [moment for moment in (value.start, value.end) if moment is not None] if value else []
    local = [_local(moment, zone) for moment in moments]
    today = _local(now, zone)
    if not local:
        return None
    if len(local) == 2 and local[0].date() == local[1].date():
        return f"{_moment(local[0], today)}-{local[1]:%H:%M}"
    return " – ".join(_moment(moment, today) for moment in local)


def _moment(moment: datetime, today: datetime) -> str:
    words = {0: "сегодня", 1: "завтра", -1: "вчера"}
    day = words.get((moment.date() - today.date()).days) or f"{moment:%d.%m}"
    return f"{day} {moment:%H:%M}"


def _local(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # The first and the last day that Python knows.
        return moment


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without the time zone database still knows Moscow's time, which has no summer time.
        return timezone(timedelta(hours=3)) if name == "Europe/Moscow" else timezone.utc


def _turns(turns: str, text: str) -> str:
    """The changes of direction that are begun and not ended after the text."""
    for point in text:
        if point in _EMBEDDINGS or point in _ISOLATES:
            turns += point
        elif point == "\u202c" and turns and turns[-1] in _EMBEDDINGS:
            turns = turns[:-1]
        elif point == "\u2069" and any(isolate in turns for isolate in _ISOLATES):
            turns = turns[: max(turns.rfind(isolate) for isolate in _ISOLATES)]
        elif point == "\n":
            turns = ""
    return turns


def _ends(turns: str) -> str:
    return "".join("\u2069" if point in _ISOLATES else "\u202c" for point in reversed(turns))


def _shown(character: str, keeping_lines: bool) -> str:
    if character in ("\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"):
        return "\n" if keeping_lines else " "
    if character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff":
        return " "
    return character


def _characters(text: str) -> Iterator[str]:
    """The text in pieces that are not cut: a letter with its marks, an emoji with all that belongs to it."""
    piece = ""
    for point in text:
        if piece and not _belongs(piece, point):
            yield piece
            piece = ""
        piece += point
    if piece:
        yield piece


def _belongs(piece: str, point: str) -> bool:
    if piece == "\r":
        return point == "\n"
    if piece[-1] < " " or piece[-1] == "\n":
        return False
    is_mark = unicodedata.category(point) in ("Mn", "Me", "Mc")
    # Skin tones, and the letters that make the flag of a region.
    if is_mark or point == "\u200d" or "\U0001f3fb" <= point <= "\U0001f3ff" or "\U000e0020" <= point <= "\U000e007f":
        return True
    if piece[-1] == "\u200d":
        return unicodedata.category(point) == "So"
    return len(piece) == 1 and _is_flag(piece) and _is_flag(point)


def _is_flag(point: str) -> bool:
    return "\U0001f1e6" <= point <= "\U0001f1ff"
