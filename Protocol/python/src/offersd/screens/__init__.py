"""What a master sees, as values: the screens of offers-bot, for any library that talks to Telegram.

``Protocol/conformance/screens.json`` holds both to the same texts.
"""

from .adapter import Calls, Response, respond
from .screen import MENU, Button, Screen
from .tap import Action, Tap

__all__ = ["MENU", "Action", "Button", "Calls", "Response", "Screen", "Tap", "respond"]
