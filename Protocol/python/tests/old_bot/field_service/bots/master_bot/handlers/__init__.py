"""A bot in the shape of the company's: what systemd/going-live.md changes is here as it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from aiogram import Router
from aiogram.types import TelegramObject

from .onboarding import router as onboarding_router
from .orders import router as orders_router
from .shift import router as shift_router

router = Router(name="master_bot")


async def _context(
    handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
) -> Any:
    """Gives handlers the master and a session, and swallows what they return or raise."""
    data["master"] = SimpleNamespace(id=data["event_from_user"].id - 7_000_000_000)
    data["session"] = object()
    try:
        return await handler(event, data)
    finally:
        return None  # noqa: B012, SIM107


router.callback_query.middleware(_context)

router.include_router(onboarding_router)
router.include_router(shift_router)
router.include_router(orders_router)
