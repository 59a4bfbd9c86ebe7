"""What a button asks for: ``callback_data``, in the old bot's form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PAGE_SIZE = 5
_LAST_PAGE = (2**31 - 1) // PAGE_SIZE
_LARGEST = 2**63 - 1


class Action(Enum):
    """The callbacks of new orders."""

    LIST = "list"
    CARD = "card"
    ACCEPT = "acc"
    ASK_TO_DECLINE = "dec"
    DECLINE = "dec_yes"
    NO_ORDER = "noOrder"
    """One of the four with something that is no number."""


@dataclass(frozen=True)
class Tap:
    """A button that was tapped."""

    action: Action
    order: int = 0
    page: int = 1

    @classmethod
    def read(cls, data: str | None) -> Tap | None:
        """Read what Telegram brings back; None if it is a button of another part of the bot."""
        parts = (data or "").split(":")
        if parts[:2] != ["m", "new"]:
            return None
        if len(parts) == 2:
            return cls(Action.LIST)
        page = _page(parts[2])
        if page is not None:
            return cls(Action.LIST, page=page) if len(parts) == 3 else None
        if parts[2] not in ("card", "acc", "dec", "dec_yes"):
            return None
        if len(parts) < 4 or not _is_number(parts[3]):
            return cls(Action.NO_ORDER)
        page = _page(parts[4]) if len(parts) > 4 else 1
        return cls(Action(parts[2]), order=_number(parts[3], _LARGEST), page=page or 1)

    @property
    def data(self) -> str:
        """The ``callback_data``; at most 64 bytes, of which 43 are used."""
        if self.action in (Action.LIST, Action.NO_ORDER):
            return f"m:new:{self.page}" if self.page > 1 else "m:new"
        return f"m:new:{self.action.value}:{self.order}:{self.page}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(text: str, most: int) -> int:
    digits = text.lstrip("0") or "0"
    # int() refuses thousands of digits, and no number here has more than 19.
    return most if len(digits) > 19 else min(int(digits), most)


def _page(text: str) -> int | None:
    return max(_number(text, _LAST_PAGE), 1) if _is_number(text) else None
