"""The methods as requests, for both clients."""

from __future__ import annotations

from typing import Any, Literal

from .results import Acceptance, Declination, Explanation, Health, Master, OfferDetails, OfferList, decode
from .wire import Request, master_params


def list_offers(master: Master, limit: int, offset: int) -> Request[OfferList]:
    """See `offersd.Client.list_offers`."""
    params = {**master_params(master), "limit": limit, "offset": offset}
    return Request("listOffers", params, lambda result: decode(OfferList, result))


def get_offer(master: Master, order_id: int) -> Request[OfferDetails]:
    """See `offersd.Client.get_offer`."""
    return Request("getOffer", _order(master, order_id), lambda result: decode(OfferDetails, result))


def accept_offer(master: Master, order_id: int) -> Request[Acceptance]:
    """See `offersd.Client.accept_offer`."""
    return Request("acceptOffer", _order(master, order_id), lambda result: decode(Acceptance, result))


def decline_offer(master: Master, order_id: int) -> Request[Declination]:
    """See `offersd.Client.decline_offer`."""
    return Request("declineOffer", _order(master, order_id), lambda result: decode(Declination, result))


def explain_offer(master: Master, order_id: int | None) -> Request[Explanation]:
    """See `offersd.Client.explain_offer`."""
    params = master_params(master) if order_id is None else _order(master, order_id)
    return Request("explainOffer", params, lambda result: decode(Explanation, result))


def health() -> Request[Health]:
    """See `offersd.Client.health`."""
    return Request("health", {}, lambda result: decode(Health, result))


def metrics(format: Literal["json", "prometheus"]) -> Request[Any]:
    """See `offersd.Client.metrics`."""
    return Request("metrics", {"format": format}, lambda result: result)


def call(method: str, params: dict[str, Any]) -> Request[Any]:
    """See `offersd.Client.call`."""
    return Request(method, params, lambda result: result)


def _order(master: Master, order_id: int) -> dict[str, Any]:
    return {**master_params(master), "orderId": order_id}
