"""Another part of the bot."""

from __future__ import annotations

from aiogram import Router

router = Router(name="shift")
