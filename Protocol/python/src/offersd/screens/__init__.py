"""What a master sees, as values: the screens of offers-bot, for any library that talks to Telegram."""

from .adapter import Calls, Response, respond
from .screen import MENU, Button, Entity, Screen
from .tap import Action, Tap

__all__ = ["MENU", "Action", "Button", "Calls", "Entity", "Response", "Screen", "Tap", "respond"]
