"""What masters see, against the golden texts, which offers-bot's tests read, too."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from service import ROOT

import offersd
from offersd.results import Acceptance, Declination, OfferDetails, OfferList, Timeslot, decode
from offersd.screens import Screen, Tap, respond
from offersd.screens.adapter import failed
from offersd.screens.text import fit, slot, toast

GOLDEN = json.loads((ROOT / "Protocol/conformance/screens.json").read_text())
TAPS = [case | case.get("router", {}) for case in GOLDEN["taps"]]
FAILURES = {
    "unreachable": offersd.Unreachable,
    "outcomeUnknown": offersd.OutcomeUnknown,
    "tooSlow": offersd.TimedOut,
    "unintelligible": offersd.ProtocolError,
}


class Replies:
    """Gives the replies of a case, one after the other."""

    def __init__(self, replies: list[dict[str, Any]]) -> None:
        self.left = list(replies)

    async def list_offers(self, master: offersd.Master, *, limit: int, offset: int) -> OfferList:
        return decode(OfferList, self._next("listOffers"))

    async def get_offer(self, master: offersd.Master, order_id: int) -> OfferDetails:
        return decode(OfferDetails, self._next("getOffer"))

    async def accept_offer(self, master: offersd.Master, order_id: int) -> Acceptance:
        return decode(Acceptance, self._next("acceptOffer"))

    async def decline_offer(self, master: offersd.Master, order_id: int) -> Declination:
        return decode(Declination, self._next("declineOffer"))

    def _next(self, method: str) -> object:
        reply = self.left.pop(0)
        assert reply["method"] == method
        if "failure" in reply:
            raise FAILURES[reply["failure"]]
        if "error" in reply:
            error = reply["error"]
            raise offersd.Refused(error["code"], error["data"]["reason"], error["message"], error["data"])
        return reply["result"]


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def shown(screen: Screen | None) -> dict[str, Any] | None:
    if screen is None:
        return None
    return {
        "text": screen.text,
        "entities": [[entity.type, entity.offset, entity.length] for entity in screen.entities],
        "buttons": [[[button.text, button.data] for button in row] for row in screen.buttons],
    }


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    tap = Tap.read(case["tap"])
    now = moment(case["now"])
    assert tap is not None
    assert now is not None
    replies = Replies(case["replies"])
    try:
        response = asyncio.run(respond(replies, tap, case["tap"], 7, now))
    except offersd.Unreachable as error:
        response = failed(error, case["tap"])
    assert replies.left == []
    return {
        "toast": response.toast,
        "screen": shown(response.screen),
        "screenWithoutToast": shown(response.screen_without_toast),
    }


def slot_text(case: dict[str, Any]) -> str | None:
    now = moment(case["now"])
    assert now is not None
    return slot(Timeslot(moment(case["start"]), moment(case["end"])), case["timezone"], now)


@pytest.mark.parametrize("case", TAPS, ids=lambda case: case["name"])
def test_taps(case: dict[str, Any]) -> None:
    assert outcome(case) == {name: case[name] for name in ("toast", "screen", "screenWithoutToast")}


@pytest.mark.parametrize(
    "text", ["<", "&", "<b>", '<a href="https://example.com">x</a>', "**x**", "[x](tg://user?id=1)"]
)
@pytest.mark.parametrize("mark", ["\u0301", "\ufe0f", "\u0338", "\u200d", "\u0600", "\u200f", "\u202e", "\u2067"])
def test_no_text_is_format(text: str, mark: str) -> None:
    for value in (text + mark, mark + text, text[:1] + mark + text[1:]):
        assert fit(value).startswith(value)
        # A direction that is begun ends with the value.
        assert len(fit(value)) == len(value) + (mark in "\u202e\u2067")


@pytest.mark.parametrize("case", GOLDEN["cuts"], ids=lambda case: f"{case['shown']!r}")
def test_cuts(case: dict[str, Any]) -> None:
    assert fit(case["value"], case["limit"], keeping_lines=case["keepingLines"]) == case["shown"]


@pytest.mark.parametrize("case", GOLDEN["toasts"], ids=lambda case: case["value"][:9])
def test_toasts(case: dict[str, Any]) -> None:
    assert toast(case["value"], case["limit"]) == case["shown"]


@pytest.mark.parametrize("case", GOLDEN["slots"], ids=lambda case: f"{case['timezone']} {case['start']}")
def test_slots(case: dict[str, Any]) -> None:
    assert slot_text(case) == case["shown"]
