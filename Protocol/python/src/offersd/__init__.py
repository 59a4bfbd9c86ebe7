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
    AcceptForecast,
    DatabaseHealth,
    Declination,
    Explanation,
    Health,
    Master,
    MasterState,
    Offer,
    OfferCard,
    OfferDetails,
    OfferList,
    OfferRecord,
    OrderState,
    StatusChange,
    TelegramUser,
    Timeslot,
)

__version__ = "1.1.0"

__all__ = [
    "AcceptForecast",
    "Acceptance",
    "AcceptedOrder",
    "Client",
    "DatabaseHealth",
    "Declination",
    "Explanation",
    "Health",
    "Master",
    "MasterState",
    "Offer",
    "OfferCard",
    "OfferDetails",
    "OfferList",
    "OfferRecord",
    "OffersdError",
    "OrderState",
    "OutcomeUnknown",
    "ProtocolError",
    "Refused",
    "StatusChange",
    "TelegramUser",
    "TimedOut",
    "Timeslot",
    "Unreachable",
]
