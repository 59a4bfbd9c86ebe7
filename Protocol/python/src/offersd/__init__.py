"""offersd's client: the new orders of a field-service company, over JSON-RPC on a Unix socket.

    async with offersd.Client("/run/offersd/offers.sock") as offers:
        for offer in (await offers.list_offers(7)).offers:
            print(offer.order_id, offer.city)
        accepted = await offers.accept_offer(7, 1042)

`offersd.blocking` has the same for scripts, `offersd.aiogram` the screens for a bot.
"""

from .client import Client
from .errors import OffersdError, OutcomeUnknown, ProtocolError, Refused, TimedOut, Unreachable
from .results import (
    Acceptance,
    AcceptedOrder,
    DatabaseHealth,
    Declination,
    Health,
    Master,
    Offer,
    OfferCard,
    OfferDetails,
    OfferList,
    TelegramUser,
    Timeslot,
)

__version__ = "1.1.0"

__all__ = [
    "Acceptance",
    "AcceptedOrder",
    "Client",
    "DatabaseHealth",
    "Declination",
    "Health",
    "Master",
    "Offer",
    "OfferCard",
    "OfferDetails",
    "OfferList",
    "OffersdError",
    "OutcomeUnknown",
    "ProtocolError",
    "Refused",
    "TelegramUser",
    "TimedOut",
    "Timeslot",
    "Unreachable",
]
