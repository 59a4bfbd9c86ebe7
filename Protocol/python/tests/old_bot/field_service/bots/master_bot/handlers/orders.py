"""New and active orders, by the old code."""

from __future__ import annotations

from types import SimpleNamespace

from aiogram import F, Router
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

router = Router(name="master_orders")


def menu_row(menu_callback: str = "m:menu") -> list[InlineKeyboardButton]:
    """The way to the menu."""
    return [InlineKeyboardButton(text="Меню бота", callback_data=menu_callback)]


@router.callback_query(F.data == "m:new")
async def offers_root(callback: CallbackQuery, session: object, master: SimpleNamespace) -> None:
    """The old list."""
    await callback.answer(f"old list of {master.id}")


@router.callback_query(F.data.regexp(r"^m:new:acc:(\d+)(?::(\d+))?$"))
async def offer_accept(callback: CallbackQuery, session: object, master: SimpleNamespace) -> None:
    """The old accept."""
    await callback.answer(f"old accept by {master.id}")


@router.callback_query(F.data == "m:act")
async def active_order_entry(callback: CallbackQuery, session: object, master: SimpleNamespace) -> None:
    """What is not about new orders."""
    await callback.answer("active")


async def _render_active_order(
    event: Message | CallbackQuery, session: object, master: SimpleNamespace, order_id: int | None
) -> None:
    assert isinstance(event, CallbackQuery)
    assert isinstance(event.message, Message)
    await event.message.edit_text(f"the bot's card of {order_id}", parse_mode="HTML")
